// SPDX-License-Identifier: Apache-2.0
#include "cli/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/fd.h"
#include "cli/document.h"

namespace polycube::cli {
namespace {

enum class Ready { yes, silent, failed };

/// Until there is something to read, or the end.
Ready wait_for(int fd, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd poll_fd{fd, POLLIN, 0};
    const int count = ::poll(&poll_fd, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (count > 0) return (poll_fd.revents & (POLLERR | POLLNVAL)) != 0 ? Ready::failed : Ready::yes;
    if (count == 0) return Ready::silent;
    if (errno != EINTR) return Ready::failed;
  }
}

struct Process {
  pid_t parent = 0;
  pid_t group = 0;
};

/// proc(5), /proc/PID/stat: the command's name may hold blanks, but ends at the last parenthesis.
Process process(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  Process found;
  char state = 0;
  std::istringstream(line.substr(std::min(line.rfind(')') + 1, line.size()))) >> state >> found.parent >> found.group;
  return found;
}

/// Whether a process has the pipe open for writing.
bool writes_to(pid_t pid, const std::string& pipe) {
  std::error_code error;
  const auto folder = fmt::format("/proc/{}/fd", pid);
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unreadable;
    if (std::filesystem::read_symlink(entry->path(), unreadable) != pipe) continue;
    std::ifstream file(fmt::format("/proc/{}/fdinfo/{}", pid, entry->path().filename().string()));
    std::string word;
    unsigned flags = 0;
    while (file >> word)
      if (word == "flags:" && file >> std::oct >> flags) break;
    if ((flags & O_ACCMODE) == O_WRONLY) return true;
  }
  return false;
}

/// Whether a process beside us, of our process group or of our parent, writes to the pipe. Those above us do not count:
/// what they hold open is what we inherited.
bool pipeline_writes_to(ino_t inode) {
  const auto pipe = fmt::format("pipe:[{}]", inode);
  std::set<pid_t> above{::getpid()};
  for (auto pid = ::getppid(); pid > 1 && above.insert(pid).second;) pid = process(pid).parent;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size() ||
        above.contains(pid))
      continue;
    const auto found = process(pid);
    if ((found.parent == ::getppid() || found.group == ::getpgrp()) && writes_to(pid, pipe)) return true;
  }
  return false;
}

std::string command_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/cmdline");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The process that gave us our standard input. sudo, timeout and their like, whose own command line ends in ours, hand on
/// what they were given.
pid_t starter() {
  auto command = command_of("self");
  command.erase(0, command.find('\0'));  // what we are called does not matter
  auto pid = ::getppid();
  while (pid > 1 && command.size() > 1 && command_of(std::to_string(pid)).ends_with(command)) pid = process(pid).parent;
  return pid;
}

/// Whether our standard input is read by the process that started us, too.
bool is_shared(int fd, const struct stat& status) {
  if (S_ISREG(status.st_mode)) return ::lseek(fd, 0, SEEK_CUR) > 0;
  struct stat above{};
  return ::stat(fmt::format("/proc/{}/fd/0", starter()).c_str(), &above) == 0 && above.st_dev == status.st_dev &&
         above.st_ino == status.st_ino;
}

Ready wait_for_first(int fd, const struct stat& status, bool required, const Patience& patience) {
  if (required) return wait_for(fd, patience.required);
  const auto ready = wait_for(fd, patience.first);
  return ready == Ready::silent && S_ISFIFO(status.st_mode) && pipeline_writes_to(status.st_ino)
             ? wait_for(fd, patience.pipeline)
             : ready;
}

}  // namespace

Result<std::optional<std::string>> read_input(int fd, bool required, const Patience& patience) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::optional<std::string>();
  const bool file = S_ISREG(status.st_mode);
  if (!required && is_shared(fd, status)) return std::optional<std::string>();
  if (!file && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode)) return std::optional<std::string>();
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    if (!file) {
      const auto ready = text.empty() ? wait_for_first(fd, status, required, patience) : wait_for(fd, patience.more);
      if (ready == Ready::silent && !text.empty())
        return fail(ErrorCode::malformed_message, "Standard input stalled after {} bytes", text.size());
      if (ready != Ready::yes) break;
    }
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0 && text.empty()) break;  // a descriptor open for writing only is nobody's input
    if (count < 0) return fail_errno(errno, "Cannot read standard input");
    if (count == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > max_document_bytes)
      return fail(ErrorCode::limit_exceeded, "Standard input is longer than {} bytes", max_document_bytes);
  }
  return text.empty() ? std::optional<std::string>() : std::optional(std::move(text));
}

Result<std::string> read_file(const std::string& path) {
  const auto unreadable = [&] {
    return fail(ErrorCode::malformed_message, "Cannot read the file {}: {}", path, std::strerror(errno));
  };
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return unreadable();
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const auto count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable();
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > max_document_bytes)
      return fail(ErrorCode::limit_exceeded, "The file {} is longer than {} bytes", path, max_document_bytes);
  }
}

Result<> write_file(const std::string& path, std::string_view content) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file || std::rename(fresh.c_str(), path.c_str()) != 0) {
    const int error = errno;
    (void)std::remove(fresh.c_str());
    return fail_errno(error, "cannot write " + path);
  }
  return {};
}

}  // namespace polycube::cli
