#include "platform/doctor/small_program.h"

#include <elf.h>

#include <cstring>

extern "C" const char zirconia_doctor_program[];
extern "C" const char zirconia_doctor_program_end[];

namespace zirconia::platform::doctor {

std::string SmallProgram() {
  constexpr uint64_t kBase = 0x400000;
  constexpr uint64_t kCodeOffset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  const auto code_size = static_cast<size_t>(zirconia_doctor_program_end - zirconia_doctor_program);

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_entry = kBase + kCodeOffset;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;

  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = segment.p_paddr = kBase;
  segment.p_filesz = segment.p_memsz = kCodeOffset + code_size;
  segment.p_align = 4096;

  std::string file(reinterpret_cast<const char*>(&header), sizeof(header));
  file.append(reinterpret_cast<const char*>(&segment), sizeof(segment));
  file.append(zirconia_doctor_program, code_size);
  return file;
}

}  // namespace zirconia::platform::doctor
