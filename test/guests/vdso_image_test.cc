// The vDSO's image: its shape, and its calls, made for real with a kernel's entry that only records what it is given.
#include <elf.h>
#include <sys/mman.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "kernel_sim/vdso/image.h"

namespace {

// What test_vdso_entry (vdso_entry.S) saw of the last call.
extern "C" {
extern uint64_t test_vdso_seen[9];  // the number, then the eight argument registers
void test_vdso_entry();
}

const Elf64_Ehdr& Header() { return *reinterpret_cast<const Elf64_Ehdr*>(zirconia_vdso_image); }

std::vector<Elf64_Phdr> Segments(uint32_t type) {
  const auto* all = reinterpret_cast<const Elf64_Phdr*>(zirconia_vdso_image + Header().e_phoff);
  std::vector<Elf64_Phdr> found;
  for (int i = 0; i < Header().e_phnum; ++i) {
    if (all[i].p_type == type) found.push_back(all[i]);
  }
  return found;
}

// Dynamic symbols by name.
std::map<std::string, uint64_t> Symbols() {
  const Elf64_Phdr dynamic = Segments(PT_DYNAMIC).at(0);
  uint64_t symbols = 0, strings = 0, hash = 0;
  for (const auto* d = reinterpret_cast<const Elf64_Dyn*>(zirconia_vdso_image + dynamic.p_offset); d->d_tag != DT_NULL;
       ++d) {
    if (d->d_tag == DT_SYMTAB) symbols = d->d_un.d_ptr;
    if (d->d_tag == DT_STRTAB) strings = d->d_un.d_ptr;
    if (d->d_tag == DT_HASH) hash = d->d_un.d_ptr;
  }
  const uint32_t count = reinterpret_cast<const uint32_t*>(zirconia_vdso_image + hash)[1];
  const auto* table = reinterpret_cast<const Elf64_Sym*>(zirconia_vdso_image + symbols);
  std::map<std::string, uint64_t> result;
  for (uint32_t i = 1; i < count; ++i) {
    result[reinterpret_cast<const char*>(zirconia_vdso_image + strings + table[i].st_name)] = table[i].st_value;
  }
  return result;
}

struct Row {
  std::string name;
  uint64_t number;
  size_t count;
};

const std::vector<Row>& Table() {
  static const std::vector<Row> table = {
#define ZX_SYSCALL(number, type, name, count, arguments) {"zx_" #name, number, count},
#include "kernel_sim/syscalls.def"
#undef ZX_SYSCALL
  };
  return table;
}

// A copy of the image in memory that may execute, with its constants set, as the kernel would make it.
class MappedVdso {
 public:
  explicit MappedVdso(const zirconia_vdso_constants& constants)
      : base_(static_cast<uint8_t*>(mmap(nullptr, zirconia_vdso_image_size, PROT_READ | PROT_WRITE | PROT_EXEC,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(base_ != MAP_FAILED);
    std::memcpy(base_, zirconia_vdso_image, zirconia_vdso_image_size);
    std::memcpy(base_ + ZIRCONIA_VDSO_CONSTANTS_OFFSET, &constants, sizeof(constants));
  }
  ~MappedVdso() { munmap(base_, zirconia_vdso_image_size); }
  MappedVdso(const MappedVdso&) = delete;
  MappedVdso& operator=(const MappedVdso&) = delete;

  template <typename Function>
  Function* Call(const std::string& name) const {
    return reinterpret_cast<Function*>(base_ + Symbols().at(name));
  }

 private:
  uint8_t* const base_;
};

zirconia_vdso_constants Constants() {
  zirconia_vdso_constants constants = {};
  constants.syscall_entry = reinterpret_cast<uint64_t>(&test_vdso_entry);
  constants.page_size = 4096;
  constants.physmem = uint64_t{3} << 30;
  constants.ticks_per_second = 1000000000;
  constants.num_cpus = 5;
  constants.dcache_line_size = 64;
  std::strcpy(constants.version, "test-version");
  return constants;
}

}  // namespace

TEST_CASE("The vDSO has two loadable segments, read-only data and then exactly the code") {
  const std::vector<Elf64_Phdr> segments = Segments(PT_LOAD);
  REQUIRE(segments.size() == 2);
  CHECK(segments[0].p_flags == PF_R);
  CHECK(segments[0].p_vaddr == 0);
  CHECK(segments[1].p_flags == (PF_R | PF_X));
  CHECK(segments[1].p_vaddr % 4096 == 0);
  CHECK(segments[1].p_memsz % 4096 == 0);
  for (const Elf64_Phdr& s : segments) {
    CHECK(s.p_offset == s.p_vaddr);
    CHECK(s.p_filesz == s.p_memsz);
    CHECK(s.p_offset + s.p_filesz <= zirconia_vdso_image_size);
  }
  CHECK(zirconia_vdso_image_size % 4096 == 0);
}

TEST_CASE("The vDSO's constants stand where the kernel patches them") {
  CHECK(Symbols().at("zirconia_vdso_constants") == ZIRCONIA_VDSO_CONSTANTS_OFFSET);
  for (size_t i = 0; i < sizeof(zirconia_vdso_constants); ++i) {
    CHECK(zirconia_vdso_image[ZIRCONIA_VDSO_CONSTANTS_OFFSET + i] == 0);
  }
}

TEST_CASE("Every call of the table is in the vDSO and hands over its number and arguments") {
  using Call = uint64_t(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
  const MappedVdso vdso(Constants());
  for (const Row& row : Table()) {
    INFO(row.name);
    REQUIRE(Symbols().count(row.name) == 1);
    std::memset(test_vdso_seen, 0, sizeof(test_vdso_seen));
    CHECK(vdso.Call<Call>(row.name)(11, 12, 13, 14, 15, 16, 17, 18) == 0x1122334455667788);
    CHECK(test_vdso_seen[0] == row.number);
    for (size_t i = 0; i < row.count; ++i) CHECK(test_vdso_seen[1 + i] == 11 + i);
  }
}

TEST_CASE("The vDSO answers by itself what needs no kernel") {
  const MappedVdso vdso(Constants());
  std::memset(test_vdso_seen, 0xff, sizeof(test_vdso_seen));
  CHECK(vdso.Call<uint32_t()>("zx_system_get_page_size")() == 4096);
  CHECK(vdso.Call<uint32_t()>("zx_system_get_num_cpus")() == 5);
  CHECK(vdso.Call<uint64_t()>("zx_system_get_physmem")() == uint64_t{3} << 30);
  CHECK(vdso.Call<uint32_t()>("zx_system_get_dcache_line_size")() == 64);
  CHECK(vdso.Call<int64_t()>("zx_ticks_per_second")() == 1000000000);
  struct StringView {
    const char* text;
    size_t length;
  };
  const StringView version = vdso.Call<StringView()>("zx_system_get_version_string")();
  CHECK(std::string(version.text, version.length) == "test-version");
  CHECK(test_vdso_seen[0] == UINT64_MAX);
}

TEST_CASE("A deadline counts from now and doesn't wrap around") {
  const MappedVdso vdso(Constants());
  auto* deadline_after = vdso.Call<int64_t(int64_t)>("zx_deadline_after");
  CHECK(deadline_after(5) == 0x112233445566778d);
  CHECK(deadline_after(INT64_MAX) == INT64_MAX);
  CHECK(vdso.Call<int64_t()>("zx_ticks_get")() == 0x1122334455667788);
}
