// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.h"

#include <strings.h>
#include <sys/stat.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "cli/document.h"

namespace polycube::cli {
namespace {

/// The original's default; users' files hold it because the tool wrote it there. That URL space is not served, so it
/// means "the default" (a URL that the user wrote is kept).
constexpr std::string_view former_default_url = "http://localhost:9000/polycube/v1/";

constexpr std::string_view default_file =
    "# Settings of polycubectl; the environment (POLYCUBECTL_URL, POLYCUBECTL_DEBUG, ...) wins over them.\n"
    "debug: false\n"
    "expert: true\n"
    "url: http+unix:///run/polycube/polycubed.sock\n"
    "cacert: \"\"\n"
    "cert: \"\"\n"
    "key: \"\"\n";

Result<bool> parse_flag(const std::string& name, const std::string& text) {
  for (const char* word : {"true", "yes", "on", "1", "t"})
    if (strcasecmp(word, text.c_str()) == 0) return true;
  for (const char* word : {"false", "no", "off", "0", "f", ""})
    if (strcasecmp(word, text.c_str()) == 0) return false;
  return fail(ErrorCode::malformed_message, "{} is neither true nor false: {}", name, text);
}

}  // namespace

Result<Settings> parse_settings(std::string_view file, const Environment& environment) {
  auto document = parse_document(file);
  if (!document) return fail_with(document.error(), "configuration file");
  if (!document->is_object() && !document->is_null())
    return fail(ErrorCode::malformed_message, "configuration file: it holds no `name: value` lines");
  const auto value_of = [&](const char* name, const char* variable) -> std::optional<std::string> {
    if (variable != nullptr)
      if (auto value = environment(variable)) return value;
    if (!document->is_object() || !document->contains(name)) return std::nullopt;
    const auto& value = (*document)[name];
    return value.is_string() ? value.get<std::string>() : value.is_null() ? std::string() : value.dump();
  };
  Settings settings;
  if (const auto text = value_of("debug", "POLYCUBECTL_DEBUG"))
    PCN_TRY(parse_flag("debug", *text).map([&](bool flag) { settings.debug = flag; }));
  if (const auto text = value_of("expert", "POLYCUBECTL_EXPERT"))
    PCN_TRY(parse_flag("expert", *text).map([&](bool flag) { settings.expert = flag; }));
  if (const auto url = value_of("url", "POLYCUBECTL_URL"); url && !url->empty() && *url != former_default_url)
    settings.url = *url;
  settings.ca_certificate = value_of("cacert", "POLYCUBECTL_CACERT").value_or("");
  settings.certificate = value_of("cert", "POLYCUBECTL_CERT").value_or("");
  settings.key = value_of("key", "POLYCUBECTL_KEY").value_or("");
  return settings;
}

Result<Endpoint> parse_endpoint(const Settings& settings) {
  const std::string_view url = settings.url;
  Endpoint endpoint;
  for (const std::string_view scheme : {"http+unix://", "unix://"}) {
    if (!url.starts_with(scheme)) continue;
    endpoint.socket = std::string(url.substr(scheme.size()));
    if (!endpoint.socket.is_absolute())
      return fail(ErrorCode::malformed_message, "url {}: write http+unix:///path/of/the/socket", url);
    return endpoint;
  }
  endpoint.tls = url.starts_with("https://");
  if (!endpoint.tls && !url.starts_with("http://"))
    return fail(ErrorCode::malformed_message, "url {}: it begins with none of http+unix://, http://, https://", url);
  auto authority = url.substr(url.find("//") + 2);
  authority = authority.substr(0, authority.find('/'));
  endpoint.port = endpoint.tls ? 443 : 80;
  const auto colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  if (has_port) {
    const auto digits = authority.substr(colon + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || endpoint.port < 1 ||
        endpoint.port > 65535)
      return fail(ErrorCode::malformed_message, "url {}: '{}' is no port", url, digits);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
  if (authority.empty()) return fail(ErrorCode::malformed_message, "url {}: it names no host", url);
  endpoint.host = authority;
  if (settings.certificate.empty() != settings.key.empty())
    return fail(ErrorCode::malformed_message, "cert and key go together");
  if (endpoint.tls && settings.ca_certificate.empty())
    return fail(ErrorCode::malformed_message, "an https url needs cacert");
  return endpoint;
}

Result<Settings> load_settings(const Environment& environment) {
  const auto home = environment("HOME");
  if (!home || home->empty()) return parse_settings("", environment);
  const auto folder = std::filesystem::path(*home) / ".config" / "polycube";
  const auto path = folder / "polycubectl_config.yaml";
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) {
    std::filesystem::create_directories(folder.parent_path(), error);
    if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) std::ofstream(path) << default_file;
    return parse_settings("", environment);
  }
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::system, "Cannot read the configuration file {}", path.string());
  std::ostringstream text;
  text << file.rdbuf();
  auto settings = parse_settings(text.str(), environment);
  if (!settings) return fail(settings.error().code, "{}: {}", path.string(), settings.error().message);
  return settings;
}

}  // namespace polycube::cli
