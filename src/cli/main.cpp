// SPDX-License-Identifier: Apache-2.0
/// polycubectl: the command line of Polycube.
#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "cli/app.h"
#include "cli/history.h"
#include "cli/input.h"

namespace {

using namespace polycube;

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// Errors go to standard output, where scripts for the original tool read them. Whoever has that elsewhere sees them, too.
bool same_output() {
  struct stat out{};
  struct stat error{};
  return ::fstat(STDOUT_FILENO, &out) < 0 || ::fstat(STDERR_FILENO, &error) < 0 ||
         (out.st_dev == error.st_dev && out.st_ino == error.st_ino);
}

volatile std::sig_atomic_t interruptions = 0;

// From the first question on an interrupt is for the command to notice.
bool interrupted() {
  static const bool handled = [] {
    struct sigaction action{};
    action.sa_handler = [](int) { interruptions = 1; };
    return ::sigaction(SIGINT, &action, nullptr) == 0 && ::sigaction(SIGTERM, &action, nullptr) == 0;
  }();
  return handled && (interruptions != 0 || std::ferror(stdout) != 0);
}

cli::Surroundings surroundings(bool expert) {
  cli::Surroundings around;
  around.terminal = ::isatty(STDOUT_FILENO) == 1;
  around.width = around.terminal ? terminal_width() : 0;
  around.unicode = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  around.expert = expert;
  around.version = POLYCUBE_VERSION;
  around.read_input = [](bool required) { return cli::read_input(STDIN_FILENO, required); };
  around.print = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    // Nobody reads any more (`polycubectl events | head`).
    if (std::fflush(stdout) != 0) std::exit(cli::exit_transport);
  };
  around.now = [] {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  };
  around.sleep = [](double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); };
  around.interrupted = interrupted;
  return around;
}

cli::Outcome execute(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"--version"})
    return {cli::exit_success, "polycubectl " POLYCUBE_VERSION "\n", {}};
  const auto settings = cli::load_settings(environment);
  if (!settings) return {cli::exit_transport, {}, settings.error().message + "\n"};
  const auto endpoint = cli::parse_endpoint(*settings);
  if (!endpoint) return {cli::exit_transport, {}, endpoint.error().message + "\n"};
  if (!endpoint->tls)
    for (const auto& [name, value] : {std::pair{"CACert", &settings->ca_certificate},
                                      std::pair{"Cert", &settings->certificate}, std::pair{"Key", &settings->key}})
      if (!value->empty()) fmt::print(stderr, "Warning: {} defined but using http\n", name);
  const auto transport = cli::connect_http(*settings, *endpoint);
  return cli::run(arguments, *transport, surroundings(settings->expert));
}

}  // namespace

int main(int argc, char** argv) try {
  std::setlocale(LC_CTYPE, "");
  std::signal(SIGPIPE, SIG_IGN);  // a daemon that goes away while we write is an error to report
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const auto outcome = execute(arguments);
  const bool completing = !arguments.empty() && arguments[0] == "--complete";
  std::fwrite(outcome.text.data(), 1, outcome.text.size(), stdout);
  // A person who presses the tab key is not helped by an error in the middle of the line.
  if (!completing) std::fwrite(outcome.error.data(), 1, outcome.error.size(), stdout);
  const bool written = std::fflush(stdout) == 0;
  if (!completing) {
    if (!same_output()) std::fwrite(outcome.error.data(), 1, outcome.error.size(), stderr);
    cli::record("/var/log/polycube", arguments, outcome.code, outcome.text + outcome.error);
  }
  return written || outcome.code != cli::exit_success ? outcome.code : cli::exit_transport;
} catch (const std::exception& error) {
  fmt::print(stderr, "polycubectl: {}\n", error.what());
  return cli::exit_transport;
}
