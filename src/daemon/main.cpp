// SPDX-License-Identifier: Apache-2.0
// polycubed: options, life cycle, nothing else.
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "api/restconf.h"
#include "api/server.h"
#include "base/folder.h"
#include "base/log.h"
#include "daemon/options.h"
#include "daemon/service_manager.h"
#include "daemon/state_dir.h"
#include "engine/engine.h"
#include "remote/server.h"
#include "service/local_controller.h"
#include "service/privileges.h"

namespace polycube::daemon {

namespace fs = std::filesystem;

namespace {

// PREFIX/bin/polycubed reads PREFIX/share/polycube and PREFIX/lib/polycube/services, installed or in a build tree.
fs::path data_dir() { return own_prefix() / "share" / "polycube"; }
fs::path services_dir() { return own_prefix() / "lib" / "polycube" / "services"; }

// What each is for is in docs/security.md.
const std::vector<unsigned> needed_capabilities = {
    CAP_BPF,    CAP_PERFMON, CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE, CAP_SYS_ADMIN, CAP_CHOWN,
    CAP_SETUID, CAP_SETGID,  CAP_SETFCAP,   CAP_KILL};

// Each cube holds a handful of descriptors (maps, programs, an attachment for each device).
void raise_descriptor_limit() {
  constexpr rlim_t enough = 16384;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < enough)
    log::warn("only {} open files are allowed; 1,000 cubes need {} (raise LimitNOFILE or ulimit -n)", limit.rlim_cur,
              enough);
}

// Services with a process of their own, where they are asked for.
Result<> serve_services(remote::Server& server, const Options& options) {
  if (options.services_socket.empty() && options.services_listen.empty()) return {};
  PCN_TRY(server.start({.socket = options.services_socket,
                        .address = options.services_listen,
                        .tls = {options.services_certificate, options.services_key, options.services_ca}}));
  if (!options.services_socket.empty()) log::info("services connect to {}", options.services_socket.string());
  if (server.port() != 0) log::info("services connect to TCP port {}", server.port());
  return {};
}

// What a daemon left in the kernel goes, as when one begins that has no cubes.
Result<> remove_data_path(const Options& options) {
  std::error_code ignored;
  if (!fs::exists(options.pin_dir, ignored)) return {};
  PCN_ASSIGN(const StateDir alone, StateDir::open(options.state_dir));
  PCN_ASSIGN(const auto engine, engine::Engine::create(data_dir() / "engine", options.pin_dir));
  return engine->settle();
}

Result<std::unique_ptr<api::AuditLog>> open_audit_log(const Options& options) {
  if (options.audit_log == "syslog") return api::AuditLog::to_syslog();
  return api::AuditLog::open(options.audit_log.empty() ? options.state_dir / "audit.log" : fs::path(options.audit_log));
}

// Certificates are renewed, and logs moved, while the daemon runs.
void reload(api::Server& server, api::AuditLog& audit) {
  if (auto done = audit.reopen(); !done)
    log::error("SIGHUP: {}; it goes on in the file of before", done.error().message);
  if (server.port() == 0) return;
  if (auto done = server.reload_tls(); !done)
    log::error("SIGHUP: the certificates of before stay in use: {}", done.error().message);
  else
    log::info("SIGHUP: what TLS needs was read again");
}

Result<> run(Options options) {
  if (geteuid() != 0) return fail(ErrorCode::access_denied, "polycubed must run as root");
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before there are threads, which inherit it
  signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  PCN_TRY(service::keep_capabilities(needed_capabilities));  // also before there are threads

  if (options.remove_data_path) return remove_data_path(options);
  PCN_ASSIGN(StateDir state, StateDir::open(options.state_dir));
  if (options.clean_on_exit) state.remove_at_end();
  notify_status("restoring the configuration");
  const fs::path data = data_dir();
  options.service_dirs.push_back(services_dir());
  const bool leave_running = !options.transient && !options.clean_on_exit;
  PCN_ASSIGN(auto controller,
             service::LocalController::create(
                 {.yang_dir = data / "yang",
                  .programs_dir = data / "engine",
                  .service_dirs = options.service_dirs,
                  .remote_dir = options.state_dir / "services",
                  .state_file = options.transient ? fs::path() : options.state_dir / "configuration.db",
                  .pin_dir = options.transient ? fs::path() : options.pin_dir,
                  .admin_group = options.group,
                  .leave_running = leave_running,
                  .clean = options.clean,
                  .version = POLYCUBE_VERSION}));
  remote::Server services(*controller);
  PCN_TRY(serve_services(services, options));
  api::ServerOptions server_options{
      .socket = options.socket,
      .group = options.group,
      .tcp = {},
      .tls = {options.certificate, options.key, options.ca, options.crl, options.blacklist, options.whitelist},
      .limits = {}};
  if (!options.listen.empty()) {
    PCN_ASSIGN(server_options.tcp, api::parse_tcp_address(options.listen));
  }
  PCN_ASSIGN(const auto audit, open_audit_log(options));
  api::Restconf restconf(*controller, audit.get());
  server_options.activity = &restconf.activity();
  server_options.refused = [&](const api::HttpRequest& request, int status, const std::string& message) {
    restconf.refused(request, status, message);
  };
  api::Server server([&](const api::HttpRequest& request) { return restconf.handle(request); }, server_options);
  PCN_TRY(server.start());
  log::info("polycubed {} is ready on {}", POLYCUBE_VERSION, options.socket.string());
  if (server.port() != 0) log::info("polycubed also serves TLS on TCP port {}", server.port());
  const Watchdog watchdog({{"the lock of the controller", [&] { controller->wait_for_lock(); }},
                           {"the thread of the slow path", [&] { controller->wait_for_slow_path(); }}});
  notify_ready(fmt::format("serves the API on {}", options.socket.string()));

  int signal_number = 0;
  while (sigwait(&signals, &signal_number) != 0 || signal_number == SIGHUP) reload(server, *audit);
  log::info("stopping: {}", strsignal(signal_number));
  notify_stopping(leave_running ? "stopping; the data path stays" : "stopping, and the data path with it");
  controller->end_subscriptions();
  server.stop();
  return {};
}

}  // namespace

}  // namespace polycube::daemon

int main(int argc, char** argv) {
  using namespace polycube;
  auto options = daemon::parse_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "polycubed: %s\n", options.error().message.c_str());
    return 1;
  }
  if (!options->answer.empty()) {
    std::fputs(options->answer.c_str(), stdout);
    return 0;
  }
  log::start(*log::parse_level(options->log_level));
  if (auto done = daemon::run(*options); !done) {
    log::critical("{}", done.error().message);
    if (!done.error().detail.empty()) log::critical("{}", done.error().detail);
    return 1;
  }
  return 0;
}
