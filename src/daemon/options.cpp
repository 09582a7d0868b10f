// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <functional>
#include <map>

#include "base/log.h"

namespace polycube::daemon {

namespace {

using Setter = std::function<bool(Options&, const std::string&)>;

template <std::filesystem::path Options::* member>
bool path_setting(Options& options, const std::string& value) {
  options.*member = value;
  return !value.empty();
}

template <std::string Options::* member>
bool text_setting(Options& options, const std::string& value) {
  options.*member = value;
  return !value.empty();
}

// Over TCP the API needs certificates on both sides. Completes `listen`.
Result<> check_tls(Options& options) {
  const auto wrong = [](const char* text) { return fail(ErrorCode::invalid_value, "{}", text); };
  const bool certificate = !options.certificate.empty();
  const bool clients = !options.ca.empty() || !options.whitelist.empty();
  if (!options.listen.empty() && (!options.address.empty() || !options.port.empty()))
    return wrong("--listen says what --addr and --port say; give one of the two");
  if (options.listen.empty() && (certificate || !options.address.empty() || !options.port.empty())) {
    const std::string host = options.address.empty() ? "localhost" : options.address;
    const bool bare = host.find(':') != std::string::npos && host.front() != '[';
    options.listen = fmt::format("{}:{}", bare ? '[' + host + ']' : host, options.port.empty() ? "9000" : options.port);
  }
  if (certificate != !options.key.empty()) return wrong("--cert and --key go together");
  if (!options.ca.empty() && !options.whitelist.empty())
    return wrong("--cacert and --cert-whitelist exclude each other");
  if (!options.blacklist.empty() && !options.whitelist.empty())
    return wrong("--cert-blacklist and --cert-whitelist exclude each other");
  if (options.ca.empty() && !(options.blacklist.empty() && options.crl.empty()))
    return wrong("--cert-blacklist and --crl need --cacert");
  if (certificate && !clients)
    return wrong("--cert needs --cacert or --cert-whitelist: whoever may connect proves it by a certificate");
  if (!certificate && clients) return wrong("--cacert and --cert-whitelist need --cert and --key");
  if (!certificate && !options.listen.empty())
    return fail(ErrorCode::invalid_value,
                "--listen {} needs --cert, --key and --cacert (or --cert-whitelist): over TCP there is only TLS with "
                "certificates on both sides, as whoever reaches it would control the data path otherwise. On this "
                "machine, use the Unix socket",
                options.listen);
  return {};
}

// TCP lets in whoever proves to be allowed to, and nobody else.
Result<> check_services(const Options& options) {
  const bool given =
      !options.services_certificate.empty() || !options.services_key.empty() || !options.services_ca.empty();
  const bool all =
      !options.services_certificate.empty() && !options.services_key.empty() && !options.services_ca.empty();
  if (!options.services_listen.empty() && !all)
    return fail(ErrorCode::invalid_value,
                "--services-listen {} needs --services-certificate, --services-key and --services-ca: without them "
                "whoever reaches it would control the data path",
                options.services_listen);
  if (options.services_listen.empty() && given)
    return fail(
        ErrorCode::invalid_value,
        "--services-certificate, --services-key and --services-ca are for --services-listen, which is not given");
  return {};
}

// The options that a configuration file can hold.
const std::map<std::string, Setter>& settings() {
  static const std::map<std::string, Setter> table = {
      {"socket",
       [](Options& o, const std::string& v) {
         o.socket = v;
         return !v.empty();
       }},
      {"state-dir",
       [](Options& o, const std::string& v) {
         o.state_dir = v;
         return !v.empty();
       }},
      {"log-level",
       [](Options& o, const std::string& v) {
         o.log_level = v;
         return log::parse_level(v).has_value();
       }},
      {"loglevel",
       [](Options& o, const std::string& v) {
         o.log_level = v;
         return log::parse_level(v).has_value();
       }},
      {"group", text_setting<&Options::group>},
      {"audit-log", text_setting<&Options::audit_log>},
      {"listen", text_setting<&Options::listen>},
      {"addr", text_setting<&Options::address>},
      {"port", text_setting<&Options::port>},
      {"cert", path_setting<&Options::certificate>},
      {"key", path_setting<&Options::key>},
      {"cacert", path_setting<&Options::ca>},
      {"crl", path_setting<&Options::crl>},
      {"cert-blacklist", path_setting<&Options::blacklist>},
      {"cert-whitelist", path_setting<&Options::whitelist>},
      {"services-dir",
       [](Options& o, const std::string& v) {
         o.service_dirs.emplace_back(v);
         return !v.empty();
       }},
      {"pin-dir", path_setting<&Options::pin_dir>},
      {"services-socket", path_setting<&Options::services_socket>},
      {"services-listen",
       [](Options& o, const std::string& v) {
         o.services_listen = v;
         return !v.empty();
       }},
      {"services-certificate", path_setting<&Options::services_certificate>},
      {"services-key", path_setting<&Options::services_key>},
      {"services-ca", path_setting<&Options::services_ca>},
      {"clean-on-exit",
       [](Options& o, const std::string& v) {
         o.clean_on_exit = v == "true";
         return v == "true" || v == "false";
       }},
      {"transient",
       [](Options& o, const std::string& v) {
         o.transient = v == "true";
         return v == "true" || v == "false";
       }},
  };
  return table;
}

std::string trim(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

}  // namespace

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const auto& [name, setter] : settings()) names.push_back(name);
  return names;
}

Result<> apply_config(const std::filesystem::path& file, const std::vector<std::string>& given, Options& options) {
  std::ifstream stream(file);
  if (!stream) return fail(ErrorCode::invalid_value, "error opening {}", file.string());
  std::string line;
  for (int number = 1; std::getline(stream, line); number++) {
    const std::string text = trim(line);
    if (text.empty() || text.front() == '#') continue;
    const auto colon = text.find(':');
    const std::string name = trim(text.substr(0, colon));
    const auto setting = settings().find(name);
    const bool taken = std::find(given.begin(), given.end(), name) != given.end();
    Options ignored;
    if (colon == std::string::npos || setting == settings().end() ||
        !setting->second(taken ? ignored : options, trim(text.substr(colon + 1))))
      return fail(ErrorCode::invalid_value, "bad line in configuration file: {}:{} -> \"{}\"", file.string(), number,
                  text);
    if (taken) log::warn("{} in {} is overridden by the command line", name, file.string());
  }
  return {};
}

Result<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app("polycubed: network functions in the Linux data path", "polycubed");
  bool version = false;
  app.add_option("--socket", options.socket, "Unix socket of the API")->capture_default_str();
  app.add_option("--state-dir", options.state_dir, "folder of the daemon's own files")->capture_default_str();
  app.add_option("--pin-dir", options.pin_dir,
                 "folder of the BPF file system for what runs on while there is no daemon")
      ->capture_default_str();
  CLI::Option* config =
      app.add_option("--config,--configfile", options.config, "configuration file (lines 'name: value')");
  config->capture_default_str();
  app.add_option("-l,--log-level,--loglevel", options.log_level, "trace, debug, info, warn, err, critical or off")
      ->capture_default_str();
  app.add_option("--group", options.group, "group whose members may use the Unix socket")->capture_default_str();
  app.add_option("--listen", options.listen, "also serve the API over TLS at ADDRESS:PORT; needs the options below");
  app.add_option("-a,--addr", options.address, "the address of --listen alone (localhost)");
  app.add_option("-p,--port", options.port, "the port of --listen alone (9000)");
  app.add_option("-c,--cert", options.certificate, "the daemon's certificate (PEM)");
  app.add_option("-k,--key", options.key, "its private key (PEM)");
  app.add_option("--cacert", options.ca, "certificates of the authorities that sign the clients' (PEM)");
  app.add_option("--crl", options.crl, "revocation lists of these authorities, of each one (PEM)");
  app.add_option("--cert-blacklist,--cert-black-list", options.blacklist,
                 "folder of certificates that are refused, by hash (openssl rehash)");
  app.add_option("--cert-whitelist,--cert-white-list", options.whitelist,
                 "instead of --cacert: folder of the only certificates that are accepted, by hash");
  app.add_option("--audit-log", options.audit_log,
                 "file of the requests for changes, or 'syslog' (audit.log in the state folder)");
  app.add_option("--services-dir", options.service_dirs, "folder with service packages; may be given several times");
  app.add_option("--services-socket", options.services_socket,
                 "Unix socket for services with a process of their own (polycube-service); none without");
  app.add_option("--services-listen", options.services_listen,
                 "ADDRESS:PORT for services on other machines; needs the three options below");
  app.add_option("--services-certificate", options.services_certificate, "the daemon's certificate for them (PEM)");
  app.add_option("--services-key", options.services_key, "its private key (PEM)");
  app.add_option("--services-ca", options.services_ca, "certificate of the authority that signed theirs (PEM)");
  app.add_flag("--clean-on-exit", options.clean_on_exit, "remove every trace when stopped, the state folder included");
  app.add_flag("--clean", options.clean, "begin with an empty configuration instead of the saved one");
  app.add_flag("--transient", options.transient,
               "neither load nor save a configuration; what runs ends with the daemon");
  app.add_flag("--remove-data-path", options.remove_data_path,
               "remove what runs on in the kernel without a daemon, and exit; the saved configuration stays");
  app.add_flag("-v,--version", version, "print the version and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.answer = app.help();
    return options;
  } catch (const CLI::ParseError& error) {
    return fail(ErrorCode::invalid_value, "{}; see polycubed --help", error.what());
  }
  if (version) {
    options.answer = "polycubed " POLYCUBE_VERSION "\n";
    return options;
  }
  std::vector<std::string> given;
  for (const std::string& name : setting_names())
    if (const CLI::Option* option = app.get_option_no_throw("--" + name); option != nullptr && option->count() > 0)
      given.push_back(name);
  std::error_code ignored;
  if (config->count() > 0 || std::filesystem::exists(options.config, ignored))
    PCN_TRY(apply_config(options.config, given, options));
  if (auto level = log::parse_level(options.log_level); !level) return tl::unexpected<Error>(level.error());
  PCN_TRY(check_tls(options));
  PCN_TRY(check_services(options));
  for (const std::filesystem::path& folder : options.service_dirs)
    if (!std::filesystem::is_directory(folder, ignored))
      return fail(ErrorCode::invalid_value, "--services-dir {}: there is no such folder", folder.string());
  return options;
}

}  // namespace polycube::daemon
