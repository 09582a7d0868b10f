// SPDX-License-Identifier: Apache-2.0
#include "daemon.h"

#include <fcntl.h>
#include <httplib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include "interrupt.h"
#include "paths.h"

namespace polycube::bench {

using namespace std::chrono_literals;

namespace {

constexpr const char* media_type = "application/yang-data+json";
constexpr auto patience = 20s;  // for the daemon to come up or to end

Result<> judge(const httplib::Result& result, const std::string& what) {
  if (!result) return fail(ErrorCode::system, "{}: {}", what, httplib::to_string(result.error()));
  if (result->status >= 200 && result->status < 300) return {};
  return fail(ErrorCode::system, "{}: status {}: {}", what, result->status, result->body);
}

std::string url(const std::string& path) { return "/restconf/data" + path; }

}  // namespace

Daemon::Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::start(const std::vector<std::filesystem::path>& services, bool keeps) {
  if (access(paths().daemon.c_str(), X_OK) < 0) return fail_errno(errno, "cannot run " + paths().daemon.string());
  std::unique_ptr<Daemon> daemon(new Daemon);
  char folder[] = "/tmp/polycube-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) return fail_errno(errno, "cannot create a temporary folder");
  daemon->folder_ = folder;
  daemon->pins_ = "/sys/fs/bpf" / daemon->folder_.filename();
  daemon->services_ = services;
  daemon->clean_ = !keeps;
  PCN_TRY(daemon->spawn());
  daemon->connect();
  PCN_TRY(daemon->wait_until_ready());
  return daemon;
}

Result<> Daemon::spawn() {
  const std::string executable = paths().daemon.string();
  const std::string socket = this->socket().string();
  const std::string state = (folder_ / "state").string();
  const std::string log = (folder_ / "log").string();
  std::vector<const char*> arguments = {executable.c_str(), "--socket",  socket.c_str(), "--state-dir",
                                        state.c_str(),      "--pin-dir", pins_.c_str()};
  if (clean_) arguments.push_back("--clean-on-exit");
  for (const std::filesystem::path& folder : services_)
    arguments.insert(arguments.end(), {"--services-dir", folder.c_str()});
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) return fail_errno(errno, "cannot start a process");
  if (pid_ > 0) return {};
  // In the child, only calls that are safe after fork().
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  setpriority(PRIO_PROCESS, 0, 0);  // not at the priority that the benchmark has
  setpgid(0, 0);                    // Ctrl-C reaches the benchmark, which ends the daemon in its own time
  if (getppid() != parent) _exit(1);
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(executable.c_str(), const_cast<char**>(arguments.data()));
  _exit(127);
}

Result<> Daemon::wait_until_ready() {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    PCN_TRY(check_interrupt());
    if (auto answer = client_->Get("/restconf"); answer && answer->status == 200) return {};
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(10ms);
  }
  return fail(ErrorCode::system, "polycubed does not answer: {}", log_tail());
}

std::size_t Daemon::logged(const std::string& text) const {
  std::ifstream file(folder_ / "log");
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.find(text) != std::string::npos;
  return count;
}

std::string Daemon::log_tail() const {
  std::ifstream file(folder_ / "log");
  std::string line, last;
  while (std::getline(file, line)) last = line;
  return last;
}

void Daemon::kill() const {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

void Daemon::end(int signal) {
  client_.reset();
  if (pid_ <= 0) return;
  ::kill(pid_, signal);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(5ms);
  }
  pid_ = -1;
}

Result<> Daemon::replace(bool kill) {
  end(kill ? SIGKILL : SIGTERM);
  PCN_TRY(spawn());
  connect();
  return wait_until_ready();
}

void Daemon::connect() {
  client_ = std::make_unique<httplib::Client>(socket().string());
  client_->set_address_family(AF_UNIX);
  client_->set_keep_alive(true);
  client_->set_read_timeout(60s);
  client_->set_default_headers({{"Host", "localhost"}});
}

Daemon::~Daemon() {
  if (!clean_ && pid_ > 0) {
    clean_ = true;
    if (auto done = replace(false); !done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
  }
  end(SIGTERM);
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Result<> Daemon::post(const std::string& path, const std::string& body) {
  return judge(client_->Post(url(path), body, media_type), "POST " + path);
}

Result<> Daemon::patch(const std::string& path, const std::string& body) {
  return judge(client_->Patch(url(path), body, media_type), "PATCH " + path);
}

Result<> Daemon::remove(const std::string& path) { return judge(client_->Delete(url(path)), "DELETE " + path); }

Result<nlohmann::json> Daemon::get(const std::string& path) {
  auto answer = client_->Get(url(path));
  PCN_TRY(judge(answer, "GET " + path));
  nlohmann::json value = nlohmann::json::parse(answer->body, nullptr, false);
  if (value.is_discarded()) return fail(ErrorCode::system, "GET {}: not JSON", path);
  return value;
}

Result<nlohmann::json> Daemon::operate(const std::string& rpc, const nlohmann::json& input) {
  const auto answer = client_->Post("/restconf/operations/polycube:" + rpc,
                                    nlohmann::json{{"polycube:input", input}}.dump(), media_type);
  PCN_TRY(judge(answer, rpc));
  if (answer->body.empty()) return nlohmann::json::object();
  const nlohmann::json value = nlohmann::json::parse(answer->body, nullptr, false);
  if (value.is_discarded() || !value.contains("polycube:output"))
    return fail(ErrorCode::system, "{}: the answer has no output", rpc);
  return value.at("polycube:output");
}

Result<> Daemon::read(const std::string& resource) { return judge(client_->Get(resource), "GET " + resource); }

Result<std::chrono::nanoseconds> Daemon::cpu_time() const {
  clockid_t clock{};
  timespec time{};
  if (const int error = clock_getcpuclockid(pid_, &clock); error != 0 || clock_gettime(clock, &time) < 0)
    return fail_errno(error != 0 ? error : errno, "cannot read the CPU time of polycubed");
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Result<std::uint64_t> Daemon::process_value(const char* file, const std::string& name) const {
  std::ifstream stream(fmt::format("/proc/{}/{}", pid_, file));
  for (std::string word; stream >> word;) {
    std::uint64_t value = 0;
    if (word == name && stream >> value) return value;
  }
  return fail(ErrorCode::system, "cannot read the memory of polycubed");
}

Result<std::uint64_t> Daemon::resident_memory() const { return process_value("status", "VmRSS:"); }

Result<std::uint64_t> Daemon::own_memory() const { return process_value("smaps_rollup", "Anonymous:"); }

Result<std::size_t> Daemon::descriptors() const {
  std::error_code error;
  const std::filesystem::directory_iterator files(fmt::format("/proc/{}/fd", pid_), error);
  if (error) return fail(ErrorCode::system, "cannot read the descriptors of polycubed: {}", error.message());
  return static_cast<std::size_t>(std::distance(std::filesystem::begin(files), std::filesystem::end(files)));
}

Result<KernelObjects> Daemon::objects() const {
  std::optional<KernelObjects> before;
  for (int attempt = 0; attempt < 20; attempt++) {
    PCN_TRY(check_interrupt());
    const auto found = kernel_objects(pid_, pins_);
    if (found && before == *found) return *found;
    before = found ? std::optional(*found) : std::nullopt;  // one may go while they are looked at
    std::this_thread::sleep_for(500ms);
  }
  return fail(ErrorCode::system, "what polycubed has in the kernel does not come to rest");
}

nlohmann::json forwarder_json(const std::string& name, const std::string& hook, const std::vector<std::string>& peers) {
  nlohmann::json ports = nlohmann::json::array();
  for (std::size_t i = 0; i < peers.size(); i++) ports.push_back({{"name", fmt::format("p{}", i)}, {"peer", peers[i]}});
  return {{"name", name},
          {"type", hook},
          {"ports", std::move(ports)},
          {"actions",
           {{{"inport", "p0"}, {"action", "forward"}, {"outport", "p1"}},
            {{"inport", "p1"}, {"action", "forward"}, {"outport", "p0"}}}}};
}

}  // namespace polycube::bench
