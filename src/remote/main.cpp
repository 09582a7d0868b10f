// SPDX-License-Identifier: Apache-2.0
// polycube-service: loads a package and serves its cubes to a daemon, whenever there is one.
#include <grpc/support/log.h>
#include <linux/capability.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/folder.h"
#include "base/log.h"
#include "remote/options.h"
#include "remote/runner.h"
#include "remote/tls.h"
#include "service/library.h"
#include "service/privileges.h"

namespace polycube::remote {

namespace fs = std::filesystem;

namespace {

Result<std::string> read_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) return fail(ErrorCode::not_found, "cannot read {}", file.string());
  return text.str();
}

Result<pb::Offer> make_offer(const fs::path& folder, const std::string& name) {
  pb::Offer offer;
  offer.set_interface_version(control::interface_version);
  offer.set_name(name);
  PCN_ASSIGN(*offer.mutable_model(), read_file(folder / (name + ".yang")));
  PCN_ASSIGN(*offer.mutable_tc_object(), read_file(folder / (name + ".tc.o")));
  PCN_ASSIGN(*offer.mutable_xdp_object(), read_file(folder / (name + ".xdp.o")));
  for (const std::string& program : names_in(folder, ".tc.o")) {
    if (program == name) continue;
    pb::Objects& slave = *offer.add_slaves();
    slave.set_name(program);
    PCN_ASSIGN(*slave.mutable_tc(), read_file(folder / (program + ".tc.o")));
    PCN_ASSIGN(*slave.mutable_xdp(), read_file(folder / (program + ".xdp.o")));
  }
  return offer;
}

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials(const RunnerOptions& options) {
  if (options.connect.starts_with("unix:")) return grpc::InsecureChannelCredentials();
  PCN_ASSIGN(const TlsTexts tls, read_tls({options.certificate, options.key, options.ca}));
  return grpc::SslCredentials(
      {.pem_root_certs = tls.ca, .pem_private_key = tls.key, .pem_cert_chain = tls.certificate});
}

std::shared_ptr<grpc::Channel> open_channel(const std::string& target,
                                            const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(max_message);
  arguments.SetMaxSendMessageSize(max_message);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a new connection each time
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

/// Ends the process's work when a signal asks for it.
class Stopper {
 public:
  explicit Stopper(Runner& runner) : runner_(runner), thread_([this] { wait(); }) {}
  ~Stopper() {
    // It waits for signals, and ends with this one. NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread)
    ::pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  Stopper(const Stopper&) = delete;
  Stopper& operator=(const Stopper&) = delete;

  /// Whether it is to end, after so long at most.
  bool stopped_within(std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, pause, [this] { return stopped_; });
  }

 private:
  void wait() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    int number = 0;
    sigwait(&signals, &number);
    runner_.stop();
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  Runner& runner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::thread thread_;
};

Result<> run(const RunnerOptions& options) {
  // A control plane asks the daemon for what takes any; the sandbox of the compiler maps user 0 in a namespace of its own.
  PCN_TRY(service::keep_capabilities({CAP_SETFCAP}));  // before gRPC has threads
  std::error_code error;
  const fs::path folder = fs::canonical(options.package, error);
  if (error) return fail(ErrorCode::not_found, "{}: there is no such folder", options.package.string());
  const std::string name = folder.filename().string();
  PCN_ASSIGN(pb::Offer offer, make_offer(folder, name));
  PCN_ASSIGN(const auto given, credentials(options));
  PCN_ASSIGN(const control::Service* service, service::load_control(folder / (name + ".so")));
  Runner runner(*service, std::move(offer));
  Stopper stopper(runner);
  bool ever_attached = false;
  std::string last;
  do {
    const Ending ending = runner.run(open_channel(options.connect, given));
    if (stopper.stopped_within(std::chrono::milliseconds(0))) break;
    // After a connection that broke, the daemon may still hold on to the one before.
    const bool held = ending.error.code == ErrorCode::data_exists && ever_attached;
    if (ending.refused && !held)
      return fail(ending.error.code, "the daemon refuses service {}: {}", name, ending.error.message);
    ever_attached |= ending.attached;
    if (ending.error.message != last) log::warn("not connected to {}: {}", options.connect, ending.error.message);
    last = ending.attached ? "" : ending.error.message;
  } while (!stopper.stopped_within(std::chrono::milliseconds(500)));
  log::info("stopping");
  return {};
}

}  // namespace

}  // namespace polycube::remote

int main(int argc, char** argv) {
  using namespace polycube;
  const auto options = remote::parse_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "polycube-service: %s\n", options.error().message.c_str());
    return 1;
  }
  if (!options->answer.empty()) {
    std::fputs(options->answer.c_str(), stdout);
    return 0;
  }
  log::start(*log::parse_level(options->log_level));
  gpr_set_log_function([](gpr_log_func_args* line) { log::debug("gRPC: {}", line->message); });
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before there are threads, which inherit it
  signal(SIGPIPE, SIG_IGN);
  if (auto done = remote::run(*options); !done) {
    log::critical("{}", done.error().message);
    return 1;
  }
  return 0;
}
