// SPDX-License-Identifier: Apache-2.0
#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"

namespace polycube {

namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return fail_errno(errno, "cannot make a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// The other end may be closed, which is no reason for a signal: a socket can be written to without.
Result<Pipe> make_input() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
    return fail_errno(errno, "cannot make a pair of sockets");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

void limit(__rlimit_resource resource, rlim_t value) {
  const rlimit both{value, value};
  (void)::setrlimit(resource, &both);
}

// Between fork() and exec(): nothing here may allocate or lock.
[[noreturn]] void become(char* const* command, char* const* environment, const std::array<int, 3>& streams,
                         const ChildLimits& limits) {
  for (int stream = 0; stream < 3; stream++)
    if (::dup2(streams[static_cast<std::size_t>(stream)], stream) < 0) ::_exit(126);
  ::close_range(3, ~0U, 0);
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit(RLIMIT_CPU, static_cast<rlim_t>(limits.processor_time.count()));
  limit(RLIMIT_AS, limits.memory);
  limit(RLIMIT_FSIZE, limits.output);
  limit(RLIMIT_CORE, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(command[0], command, environment);
  ::_exit(errno == ENOENT ? 127 : 126);
}

/// The running program, seen through its pipes.
class Child {
 public:
  Child(pid_t id, Fd input, Fd output, Fd errors, const ChildLimits& limits)
      : id_(id), input_(std::move(input)), output_(std::move(output)), errors_(std::move(errors)), limits_(limits) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (id_ > 0) end();
  }

  ChildResult converse(const std::string& text) {
    const auto deadline = Clock::now() + limits_.time;
    std::size_t written = 0;
    while (output_ || errors_) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return stop(ChildResult::Ending::took_too_long);
      std::array<pollfd, 3> waiting{pollfd{input_ ? input_.get() : -1, POLLOUT, 0},
                                    pollfd{output_ ? output_.get() : -1, POLLIN, 0},
                                    pollfd{errors_ ? errors_.get() : -1, POLLIN, 0}};
      if (::poll(waiting.data(), waiting.size(), static_cast<int>(left)) < 0 && errno != EINTR) break;
      if (waiting[0].revents != 0) write_some(text, written);
      if (waiting[1].revents != 0 && !read_some(output_, result_.output, limits_.output))
        return stop(ChildResult::Ending::wrote_too_much);
      if (waiting[2].revents != 0) (void)read_some(errors_, result_.errors, limits_.errors);
    }
    return wait_until(deadline);
  }

 private:
  void write_some(const std::string& text, std::size_t& written) {
    const ssize_t count = ::send(input_.get(), text.data() + written, text.size() - written, MSG_NOSIGNAL);
    if (count > 0) written += static_cast<std::size_t>(count);
    const bool again = count < 0 && (errno == EAGAIN || errno == EINTR);
    if (written == text.size() || (count <= 0 && !again)) input_ = Fd();
  }

  // False when there is more than is allowed.
  static bool read_some(Fd& stream, std::string& into, std::size_t most) {
    std::array<char, 16384> buffer{};
    const ssize_t count = ::read(stream.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count <= 0) {
      stream = Fd();
      return true;
    }
    const auto size = static_cast<std::size_t>(count);
    into.append(buffer.data(), std::min(size, most - into.size()));
    return into.size() < most;
  }

  ChildResult wait_until(Clock::time_point deadline) {
    int status = 0;
    while (::waitpid(id_, &status, WNOHANG) == 0) {
      if (Clock::now() > deadline) return stop(ChildResult::Ending::took_too_long);
      ::poll(nullptr, 0, 1);
    }
    id_ = 0;
    result_.ending = WIFEXITED(status) ? ChildResult::Ending::exited : ChildResult::Ending::killed;
    result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    return std::move(result_);
  }

  ChildResult stop(ChildResult::Ending ending) {
    end();
    result_.ending = ending;
    return std::move(result_);
  }

  void end() {
    ::kill(-id_, SIGKILL);
    ::kill(id_, SIGKILL);
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
  }

  pid_t id_;
  Fd input_;
  Fd output_;
  Fd errors_;
  const ChildLimits& limits_;
  ChildResult result_;
};

}  // namespace

Result<ChildResult> run_child(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                              const std::string& input, const ChildLimits& limits) {
  if (::access(command.at(0).c_str(), X_OK) < 0)
    return fail(ErrorCode::not_found, "there is no program {}", command.at(0));
  PCN_ASSIGN(Pipe in, make_input());
  PCN_ASSIGN(Pipe out, make_pipe());
  PCN_ASSIGN(Pipe err, make_pipe());
  const std::vector<char*> arguments = pointers(command);
  const std::vector<char*> variables = pointers(environment);
  const pid_t id = ::fork();
  if (id < 0) return fail_errno(errno, fmt::format("cannot start {}", command.at(0)));
  if (id == 0)
    become(arguments.data(), variables.data(), {in.reader.get(), out.writer.get(), err.writer.get()}, limits);
  for (Fd* fd : {&in.reader, &out.writer, &err.writer}) *fd = Fd();
  for (const Fd* fd : {&in.writer, &out.reader, &err.reader}) (void)::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
  Child child(id, std::move(in.writer), std::move(out.reader), std::move(err.reader), limits);
  return child.converse(input);
}

}  // namespace polycube
