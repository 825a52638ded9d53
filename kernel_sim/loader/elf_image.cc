#include "kernel_sim/loader/elf_image.h"

#include <gelf.h>
#include <libelf.h>

#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace zirconia::kernel {
namespace {

// No guest address space reaches further; below it sums of an address and a size can't wrap.
constexpr uint64_t kAddressLimit = uint64_t{1} << 47;

absl::Status Bad(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::StatusOr<ElfSegment> CheckSegment(const GElf_Phdr& header, size_t index, uint64_t file_size) {
  const auto bad = [&](absl::string_view what) { return Bad(absl::StrFormat("segment %d %s", index, what)); };
  if (header.p_filesz > header.p_memsz) return bad("is larger in the file than in memory");
  if (header.p_offset > file_size || header.p_filesz > file_size - header.p_offset)
    return bad("reaches beyond the end of the file");
  if (header.p_vaddr >= kAddressLimit || header.p_memsz > kAddressLimit - header.p_vaddr) {
    return bad("reaches beyond the end of the address space");
  }
  if (((header.p_vaddr ^ header.p_offset) & (mm::kPageSize - 1)) != 0) {
    return bad("has an address and a file offset that differ within a page");
  }
  ElfSegment segment{header.p_vaddr, header.p_memsz, header.p_offset, header.p_filesz, mm::Protection()};
  // Zircon gives no permission without reading.
  segment.protection = mm::Protection(header.p_flags != 0, (header.p_flags & PF_W) != 0, (header.p_flags & PF_X) != 0);
  return segment;
}

}  // namespace

absl::StatusOr<ElfImage> ElfImage::Parse(absl::Span<const std::byte> file) {
  static std::once_flag once;
  std::call_once(once, [] { elf_version(EV_CURRENT); });
  if (file.size() < sizeof(Elf64_Ehdr) || std::string(reinterpret_cast<const char*>(file.data()), SELFMAG) != ELFMAG) {
    return Bad("it isn't an ELF file");
  }
  // libelf only reads through this pointer: the image is opened for reading.
  std::unique_ptr<Elf, int (*)(Elf*)> elf(
      elf_memory(reinterpret_cast<char*>(const_cast<std::byte*>(file.data())), file.size()), &elf_end);
  GElf_Ehdr header;
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF || gelf_getehdr(elf.get(), &header) == nullptr) {
    return Bad(absl::StrFormat("its ELF header can't be read: %s", elf_errmsg(-1)));
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64) {
    return Bad("it isn't made for x86-64");
  }
  if (header.e_type != ET_DYN && header.e_type != ET_EXEC) {
    return Bad(header.e_type == ET_REL ? "it is an object file: link it first"
                                       : "it is neither an executable nor a shared object");
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return Bad("its program headers have a size that x86-64 doesn't know");

  ElfImage image;
  image.position_independent_ = header.e_type == ET_DYN;
  image.entry_ = header.e_entry;
  size_t count = 0;
  if (elf_getphdrnum(elf.get(), &count) != 0 || count == 0) return Bad("it has no program headers");
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf.get(), static_cast<int>(i), &segment) == nullptr) {
      return Bad(absl::StrFormat("its program header %d can't be read: it lies beyond the end of the file", i));
    }
    if (segment.p_type == PT_INTERP) {
      return Bad("it is dynamically linked (it has an interpreter): link it with tools/guest-cc, or as a static PIE");
    }
    if (segment.p_type == PT_GNU_STACK && segment.p_memsz != 0) image.stack_size_ = segment.p_memsz;
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
    auto checked = CheckSegment(segment, i, file.size());
    if (!checked.ok()) return checked.status();
    if (!image.segments_.empty() && checked->page_begin() < image.segments_.back().page_end()) {
      return Bad(absl::StrFormat("segment %d shares a page with the one before it, or stands before it", i));
    }
    image.segments_.push_back(*std::move(checked));
  }
  if (image.segments_.empty()) return Bad("it has no segment to load");

  bool entry_is_code = false;
  for (const ElfSegment& s : image.segments_) {
    entry_is_code |= s.protection.execute() && image.entry_ >= s.address && image.entry_ - s.address < s.memory_size;
  }
  if (!entry_is_code && !(image.position_independent_ && image.entry_ == 0)) {
    return Bad(absl::StrFormat("its entry point 0x%x lies in no executable segment", image.entry_));
  }

  // Symbols are a convenience: what can't be read is left out.
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(elf.get(), section)) != nullptr) {
    GElf_Shdr table;
    if (gelf_getshdr(section, &table) == nullptr || (table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM))
      continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || table.sh_entsize == 0) continue;
    const size_t n = data->d_size / table.sh_entsize;
    for (size_t i = 0; i < n; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr || symbol.st_shndx == SHN_UNDEF) continue;
      const char* name = elf_strptr(elf.get(), table.sh_link, symbol.st_name);
      if (name == nullptr || *name == '\0') continue;
      image.symbols_.emplace(name, symbol.st_value);
      if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC)
        image.functions_.emplace(symbol.st_value, Symbol{name, symbol.st_size});
    }
  }
  return image;
}

std::optional<uint64_t> ElfImage::FindSymbol(absl::string_view name) const {
  const auto it = symbols_.find(std::string(name));
  return it == symbols_.end() ? std::nullopt : std::optional<uint64_t>(it->second);
}

std::optional<std::pair<std::string, uint64_t>> ElfImage::SymbolAt(uint64_t address) const {
  auto it = functions_.upper_bound(address);
  if (it == functions_.begin()) return std::nullopt;
  --it;
  if (address - it->first >= std::max<uint64_t>(it->second.size, 1)) return std::nullopt;
  return std::make_pair(it->second.name, address - it->first);
}

}  // namespace zirconia::kernel
