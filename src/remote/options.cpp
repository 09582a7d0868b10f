// SPDX-License-Identifier: Apache-2.0
#include "remote/options.h"

#include <CLI/CLI.hpp>

#include "base/log.h"

namespace polycube::remote {

Result<RunnerOptions> parse_options(int argc, const char* const* argv) {
  RunnerOptions options;
  CLI::App app("polycube-service: runs the control planes of a service in a process of their own", "polycube-service");
  bool version = false;
  app.add_option("--connect", options.connect, "unix:PATH of the daemon's --services-socket, or ADDRESS:PORT with TLS");
  app.add_option("PACKAGE", options.package, "folder of the service's package: NAME/, with NAME.so");
  app.add_option("--certificate", options.certificate, "this service's certificate (PEM), for TCP");
  app.add_option("--key", options.key, "its private key (PEM)");
  app.add_option("--ca", options.ca, "certificate (PEM) of the authority that signed the daemon's");
  app.add_option("-l,--log-level", options.log_level, "trace, debug, info, warn, err, critical or off")
      ->capture_default_str();
  app.add_flag("-v,--version", version, "print the version and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.answer = app.help();
    return options;
  } catch (const CLI::ParseError& error) {
    return fail(ErrorCode::invalid_value, "{}; see polycube-service --help", error.what());
  }
  if (version) {
    options.answer = "polycube-service " POLYCUBE_VERSION "\n";
    return options;
  }
  if (options.connect.empty()) return fail(ErrorCode::invalid_value, "--connect is missing: where is the daemon?");
  if (options.package.empty()) return fail(ErrorCode::invalid_value, "the folder of the package is missing");
  const bool tls = !options.certificate.empty() && !options.key.empty() && !options.ca.empty();
  if (!options.connect.starts_with("unix:") && !tls)
    return fail(ErrorCode::invalid_value,
                "--connect {}: TCP needs --certificate, --key and --ca; a Unix socket is given as unix:PATH",
                options.connect);
  PCN_TRY(log::parse_level(options.log_level));
  return options;
}

}  // namespace polycube::remote
