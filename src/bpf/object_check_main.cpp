// SPDX-License-Identifier: Apache-2.0
// polycube-object-check: does with the object on its standard input what the daemon does with objects, to see whether that can
// be survived. Ends with 0 if so, whether or not the object is of use, and with 1 when it cannot find out.
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>

#include "bpf/object.h"

namespace polycube::bpf {
namespace {

std::optional<Bytes> read_input() {
  Bytes image;
  std::array<std::byte, 65536> buffer{};
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count == 0) return image;
    if (count < 0) return std::nullopt;
    image.insert(image.end(), buffer.begin(), buffer.begin() + count);
  }
}

bool become_nobody() {
  constexpr uid_t nobody = 65534;
  if (::geteuid() != 0) return true;
  return ::setgroups(0, nullptr) == 0 && ::setresgid(nobody, nobody, nobody) == 0 &&
         ::setresuid(nobody, nobody, nobody) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

// From here on only what opening and loading an object takes. What would change something is refused, but bpf(2), which does
// nothing and succeeds, so that loading goes on to its end: what it returns, 0, is taken for a descriptor, and stays open.
bool keep_to_reading() {
  const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
  if (!filter) return false;
  constexpr std::array allowed{
      SCMP_SYS(read),         SCMP_SYS(write),         SCMP_SYS(pread64),       SCMP_SYS(lseek),
      SCMP_SYS(readv),        SCMP_SYS(writev),        SCMP_SYS(fstat),         SCMP_SYS(newfstatat),
      SCMP_SYS(statx),        SCMP_SYS(access),        SCMP_SYS(faccessat),     SCMP_SYS(faccessat2),
      SCMP_SYS(fcntl),        SCMP_SYS(mmap),          SCMP_SYS(munmap),        SCMP_SYS(mremap),
      SCMP_SYS(mprotect),     SCMP_SYS(madvise),       SCMP_SYS(brk),           SCMP_SYS(futex),
      SCMP_SYS(getrandom),    SCMP_SYS(uname),         SCMP_SYS(getpid),        SCMP_SYS(gettid),
      SCMP_SYS(rt_sigaction), SCMP_SYS(exit_group),    SCMP_SYS(exit),          SCMP_SYS(sysinfo),
      SCMP_SYS(rt_sigreturn), SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigprocmask)};
  int error = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(0), SCMP_SYS(bpf), 0);
  error |=
      seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(0), SCMP_SYS(close), 1, SCMP_A0(SCMP_CMP_LE, STDERR_FILENO, 0));
  error |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(close), 1, SCMP_A0(SCMP_CMP_GT, STDERR_FILENO, 0));
  error |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
  for (const int call : allowed) error |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
  return error == 0 && seccomp_load(filter.get()) == 0;  // which also takes all ways to new privileges
}

// What it finds out about the object is the daemon's to say: here it matters that it comes back.
void use(Bytes image) {
  const auto object = ObjectFile::parse("object", std::move(image));
  if (!object) return;
  for (const auto& [name, info] : object->maps()) {
    (void)object->key_layout(name);
    (void)object->value_layout(name);
    (void)object->tags(name);
  }
  (void)object->has_constant("pcn_config");
  (void)object->load({});
}

int run() {
  auto image = read_input();
  if (image && become_nobody() && keep_to_reading()) {
    use(std::move(*image));
    return 0;
  }
  std::cerr << "polycube-object-check: " << std::strerror(errno) << '\n';
  return 1;
}

}  // namespace
}  // namespace polycube::bpf

int main() {
  // Without destructors: what runs at the end of a process is nobody's concern here.
  ::_exit(polycube::bpf::run());
}
