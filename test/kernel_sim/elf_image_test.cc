#include "kernel_sim/loader/elf_image.h"

#include <elf.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <vector>

namespace zirconia::kernel {
namespace {

using Catch::Matchers::Contains;

// A small executable that is fine, as bytes to be spoilt: one header, two segments (code, data).
struct Program {
  Elf64_Ehdr header{};
  Elf64_Phdr code{};
  Elf64_Phdr data{};
  size_t size = 0x3000;

  Program() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_entry = 0x1010;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    code = {PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0x1000, 0x1000, 0x1000, 0x1000};
    data = {PT_LOAD, PF_R | PF_W, 0x2000, 0x2000, 0x2000, 0x800, 0x5000, 0x1000};
  }
  std::vector<std::byte> Bytes() const {
    std::vector<std::byte> bytes(size);
    std::memcpy(bytes.data(), &header, sizeof(header));
    std::memcpy(bytes.data() + sizeof(header), &code, sizeof(code));
    std::memcpy(bytes.data() + sizeof(header) + sizeof(code), &data, sizeof(data));
    return bytes;
  }
  std::string Error() const {
    const auto image = ElfImage::Parse(Bytes());
    return image.ok() ? "no error" : std::string(image.status().message());
  }
};

TEST_CASE("an executable's segments are read with their addresses, sizes and permissions", "[elf]") {
  const auto image = ElfImage::Parse(Program().Bytes());
  REQUIRE(image.ok());
  CHECK(image->position_independent());
  CHECK(image->entry() == 0x1010);
  REQUIRE(image->segments().size() == 2);
  CHECK(image->segments()[0].protection == mm::Protection::ReadExecute());
  CHECK(image->segments()[1].protection == mm::Protection::ReadWrite());
  CHECK(image->segments()[1].file_size == 0x800);
  CHECK(image->page_begin() == 0x1000);
  CHECK(image->page_end() == 0x7000);
  CHECK_FALSE(image->stack_size().has_value());
}

TEST_CASE("hostile ELF headers are refused, each with an error that names what is wrong", "[elf]") {
  Program p;
  SECTION("not an ELF file") {
    p.header.e_ident[0] = 'X';
    CHECK_THAT(p.Error(), Contains("isn't an ELF file"));
  }
  SECTION("another processor") {
    p.header.e_machine = EM_AARCH64;
    CHECK_THAT(p.Error(), Contains("x86-64"));
  }
  SECTION("32 bits") {
    p.header.e_ident[EI_CLASS] = ELFCLASS32;
    CHECK_THAT(p.Error(), Contains("x86-64"));
  }
  SECTION("an object file") {
    p.header.e_type = ET_REL;
    CHECK_THAT(p.Error(), Contains("object file"));
  }
  SECTION("a core file") {
    p.header.e_type = ET_CORE;
    CHECK_THAT(p.Error(), Contains("neither an executable"));
  }
  SECTION("program headers of another size") {
    p.header.e_phentsize = 8;
    CHECK_THAT(p.Error(), Contains("program headers"));
  }
  SECTION("no program headers") {
    p.header.e_phnum = 0;
    CHECK_THAT(p.Error(), Contains("no program headers"));
  }
  SECTION("program headers beyond the end of the file") {
    p.header.e_phoff = 0x10000;
    CHECK_THAT(p.Error(), Contains("header"));
  }
  SECTION("a program header offset that wraps around") {
    p.header.e_phoff = ~uint64_t{0} - 16;
    CHECK_THAT(p.Error(), Contains("header"));
  }
  SECTION("more program headers than the file holds") {
    p.header.e_phnum = 0xfff0;
    CHECK_THAT(p.Error(), Contains("header"));
  }
  SECTION("a segment that reaches beyond the end of the file") {
    p.data.p_filesz = p.data.p_memsz = 0x2000;
    CHECK_THAT(p.Error(), Contains("segment 1") && Contains("end of the file"));
  }
  SECTION("a file offset that wraps around") {
    p.data.p_offset = ~uint64_t{0} - 0xfff;
    CHECK_THAT(p.Error(), Contains("segment 1") && Contains("end of the file"));
  }
  SECTION("larger in the file than in memory") {
    p.code.p_memsz = 0x10;
    CHECK_THAT(p.Error(), Contains("segment 0") && Contains("larger in the file"));
  }
  SECTION("an address beyond the address space") {
    p.data.p_vaddr = uint64_t{1} << 63;
    CHECK_THAT(p.Error(), Contains("segment 1") && Contains("address space"));
  }
  SECTION("a size that wraps around") {
    p.data.p_memsz = ~uint64_t{0} - 0x100;
    CHECK_THAT(p.Error(), Contains("segment 1") && Contains("address space"));
  }
  SECTION("address and offset that differ within a page") {
    p.data.p_vaddr += 0x10;
    CHECK_THAT(p.Error(), Contains("segment 1") && Contains("within a page"));
  }
  SECTION("segments that overlap") {
    p.data.p_vaddr = 0x1000;
    CHECK_THAT(p.Error(), Contains("segment 1") && Contains("shares a page"));
  }
  SECTION("segments out of order") {
    std::swap(p.code, p.data);
    CHECK_THAT(p.Error(), Contains("segment 1"));
  }
  SECTION("an entry point outside of the code") {
    p.header.e_entry = 0x2000;
    CHECK_THAT(p.Error(), Contains("entry point 0x2000"));
  }
  SECTION("an interpreter") {
    p.data.p_type = PT_INTERP;
    CHECK_THAT(p.Error(), Contains("dynamically linked"));
  }
  SECTION("nothing to load") {
    p.code.p_type = p.data.p_type = PT_NOTE;
    CHECK_THAT(p.Error(), Contains("no segment"));
  }
  SECTION("a file that is too short for its header") {
    p.size = 0x3000;
    auto bytes = p.Bytes();
    bytes.resize(20);
    CHECK_FALSE(ElfImage::Parse(bytes).ok());
    CHECK_FALSE(ElfImage::Parse({}).ok());
  }
}

TEST_CASE("files with random bytes in the headers are refused or read, never worse", "[elf]") {
  std::mt19937_64 random(20260101);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    auto bytes = Program().Bytes();
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) {
      bytes[random() % (sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr))] = static_cast<std::byte>(random());
    }
    const auto image = ElfImage::Parse(bytes);
    if (!image.ok()) {
      CHECK_FALSE(image.status().message().empty());
      continue;
    }
    ++accepted;
    for (const ElfSegment& s : image->segments()) {
      REQUIRE(s.file_offset + s.file_size <= bytes.size());
      REQUIRE(s.file_size <= s.memory_size);
      REQUIRE(s.page_begin() < s.page_end());
    }
  }
  CHECK(accepted > 0);
}

}  // namespace
}  // namespace zirconia::kernel
