// The library as its users get it: installed, found with pkg-config, shared and static, from C and from C++.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "test/support/command.h"

namespace zirconia {
namespace {

namespace fs = std::filesystem;

// A folder that goes when the object does.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "zirconia-install-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  fs::path Write(const std::string& name, const std::string& content) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << content;
    return path_ / name;
  }

 private:
  fs::path path_;
};

void MustRun(const std::string& command, int seconds = 300) {
  const test::CommandResult result = test::RunCommand({"/bin/sh", "-c", command}, seconds);
  INFO(command);
  INFO(result.out);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
}

constexpr char kCProgram[] = R"(
#include <zircon/process.h>
#include <zircon/status.h>
#include <zircon/syscalls.h>
#include <zirconia/host_memory.h>
#include <string.h>
int main(void) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  zx_vaddr_t address = 0;
  if (zx_vmo_create(4096, 0, &vmo) != ZX_OK) return 1;
  if (zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 4096, &address) != ZX_OK)
    return 2;
  strcpy((char*)address, "installed");
  char back[10];
  if (zx_vmo_read(vmo, back, 0, sizeof(back)) != ZX_OK || strcmp(back, "installed") != 0) return 3;
  if (zirconia_prepare_host_write((void*)address, 4096) != ZX_OK) return 4;
  if (strcmp(zx_status_get_string(ZX_ERR_NO_MEMORY), "ZX_ERR_NO_MEMORY") != 0) return 5;
  return 0;
}
)";

constexpr char kCxxProgram[] = R"(
#include <lib/zx/vmar.h>
#include <lib/zx/vmo.h>
#include <zirconia/testing/kernel.h>
#include <zirconia/testing/status.h>
int main() {
  zirconia::testing::Kernel kernel;
  zx::vmo vmo;
  if (zx::vmo::create(4096, 0, &vmo) != ZX_OK) return 1;
  zx_vaddr_t address = 0;
  if (zx::vmar::root_self()->map(ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 4096, &address) != ZX_OK) return 2;
  if (!kernel.Store(address, 42) || kernel.Load<int>(address) != 42) return 3;
  if (kernel.Load<int>(address + 4096).has_value()) return 4;
  try {
    zx_process_exit(6);
  } catch (const zirconia::testing::ProcessExited& exited) {
    return exited.return_code() == 6 ? 0 : 5;
  }
}
)";

TEST_CASE("an installed library serves C and C++ programs, shared and static, by pkg-config alone",
          "[library][install]") {
  const Folder folder;
  const std::string prefix = (folder / "prefix").string();
  MustRun("DESTDIR=" + (folder / "root").string() + " meson install -C " BUILD_ROOT " --no-rebuild --quiet");
  // Wherever the build's prefix is: what was installed moves to ours.
  MustRun("pc=$(find " + (folder / "root").string() + " -name zirconia.pc) && lib=$(dirname $(dirname $pc)) && " +
          "mkdir -p " + prefix + " && mv $lib " + prefix + "/lib && " + "mv $(dirname $(find " +
          (folder / "root").string() + " -type d -path '*/include/zircon')) " + prefix +
          "/include && sed -i -e 's|^prefix=.*|prefix=" + prefix + "|' -e 's|^libdir=.*|libdir=${prefix}/lib|' " +
          prefix + "/lib/pkgconfig/zirconia.pc");
  const std::string pkg = "PKG_CONFIG_PATH=" + prefix + "/lib/pkgconfig pkg-config";
  const std::string c = folder.Write("program.c", kCProgram).string();
  const std::string cxx = folder.Write("program.cc", kCxxProgram).string();
  const std::string out = (folder / "program").string();
  const std::string c_compiler = std::string("gcc") + SANITIZER,
                    cxx_compiler = std::string("g++ -std=c++20") + SANITIZER;
  SECTION("shared") {
    const std::string run = "LD_LIBRARY_PATH=" + prefix + "/lib " + out;
    MustRun(c_compiler + " " + c + " -o " + out + " $(" + pkg + " --cflags --libs zirconia) && " + run);
    MustRun(cxx_compiler + " " + cxx + " -o " + out + " $(" + pkg + " --cflags --libs zirconia) && " + run);
    // Nothing but what the headers declare.
    MustRun("! nm -D --defined-only " + prefix +
            "/lib/libzircon.so | c++filt | grep -vE ' "
            "(_?zx_[a-z_]+|zirconia_(prepare_host_(read|write)|install_fault_handlers)|"
            "(typeinfo |typeinfo name |vtable )?(for )?zirconia::testing::.*)$'");
  }
  SECTION("static") {
    MustRun("rm " + prefix + "/lib/libzircon.so");
    MustRun(c_compiler + " " + c + " -o " + out + " $(" + pkg + " --static --cflags --libs zirconia) && " + out);
    MustRun(cxx_compiler + " " + cxx + " -o " + out + " $(" + pkg + " --static --cflags --libs zirconia) && " + out);
  }
}

TEST_CASE("another Meson project uses this one as a subproject", "[library][install]") {
  const Folder folder;
  folder.Write("program.cc", kCxxProgram);
  folder.Write("meson.build", R"(project('user', 'cpp', default_options: ['cpp_std=c++20', 'default_library=static'])
executable('user', 'program.cc', dependencies: dependency('zirconia', fallback: 'zirconia'))
)");
  fs::create_directories(folder / "subprojects");
  fs::create_directory_symlink(SOURCE_ROOT, folder / "subprojects/zirconia");
  const std::string build = (folder / "build").string();
  MustRun("meson setup -Db_sanitize=" B_SANITIZE " " + build + " " + (folder / "").string());
  // The compiler's work on the library's own sources is the same as ever: what is tried is that all of it is found and
  // fits together, so the program is compiled, and linked with the library that there is already.
  MustRun("ninja -C " + build + " user.p/program.cc.o");
  MustRun("ninja -C " + build +
          " -t commands user | tail -1 | grep -q subprojects/zirconia/kernel_sim/library/libzircon");
  const std::string theirs = build + "/subprojects/zirconia";
  MustRun("rm -r " + theirs + " && ln -s " BUILD_ROOT " " + theirs + " && cd " + build +
          " && $(ninja -t commands user | tail -1) && ./user");
}

}  // namespace
}  // namespace zirconia
