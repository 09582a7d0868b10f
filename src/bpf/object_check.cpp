// SPDX-License-Identifier: Apache-2.0
#include "bpf/object_check.h"

#include <csignal>
#include <cstring>

#include "base/child_process.h"
#include "base/folder.h"

namespace polycube::bpf {

namespace {

constexpr ChildLimits limits{.time = std::chrono::seconds(5),
                             .processor_time = std::chrono::seconds(2),
                             .memory = std::uint64_t{512} << 20,
                             .output = std::size_t{4} << 10,
                             .errors = std::size_t{4} << 10};

tl::unexpected<Error> too_much(const std::filesystem::path& name) {
  return fail(ErrorCode::limit_exceeded,
              "{} cannot be opened within {} s and {} MiB, it may be damaged: compile it again, and send it whole",
              name.string(), limits.processor_time.count(), limits.memory >> 20);
}

}  // namespace

Result<> check_object(const std::filesystem::path& name, const Bytes& image) {
  const std::filesystem::path program = own_prefix() / "libexec" / "polycube" / "polycube-object-check";
  const std::string input(reinterpret_cast<const char*>(image.data()), image.size());
  auto ended = run_child({program.string()}, {"LC_ALL=C.UTF-8"}, input, limits);
  if (!ended)
    return fail(ErrorCode::system, "{} cannot be checked before it is opened, and is not used: {}", name.string(),
                ended.error().message);
  using Ending = ChildResult::Ending;
  if (ended->ending == Ending::exited && ended->status == 0) return {};
  if (ended->ending == Ending::took_too_long || ended->ending == Ending::wrote_too_much) return too_much(name);
  if (ended->ending == Ending::killed && (ended->status == SIGXCPU || ended->status == SIGKILL)) return too_much(name);
  if (ended->ending == Ending::killed)
    return fail(ErrorCode::invalid_value,
                "{} is damaged: who opens it is ended by \"{}\". Compile it again, and send it whole", name.string(),
                ::strsignal(ended->status));
  return fail(ErrorCode::system, "{} cannot be checked before it is opened, and is not used: {}", name.string(),
              ended->errors.substr(0, ended->errors.find('\n')));
}

}  // namespace polycube::bpf
