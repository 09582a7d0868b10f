// SPDX-License-Identifier: Apache-2.0
/// Where the daemon is: the configuration file, and the environment, which wins.
/// Invariants: an endpoint is either a Unix socket or a host and port.
/// Threading: plain values; load_settings() reads the file system.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polycube::cli {

struct Settings {
  bool debug = false;  ///< print method, URL, body and status of each request on standard error
  bool expert = true;  ///< offer `services` in help
  std::string url = "http+unix:///run/polycube/polycubed.sock";
  std::string ca_certificate;
  std::string certificate;
  std::string key;
};

struct Endpoint {
  std::filesystem::path socket;  ///< empty for TCP
  std::string host;
  int port = 0;
  bool tls = false;
};

using Environment = std::function<std::optional<std::string>(const char*)>;

/// Settings from the text of a configuration file ("" for none) and the environment.
/// Errors: malformed_message naming the key.
[[nodiscard]] Result<Settings> parse_settings(std::string_view file, const Environment& environment);

/// `http+unix:///path`, `unix:///path`, `http://host[:port]`, `https://host[:port]`, each with an ignored path behind
/// TCP ones. Errors: malformed_message.
[[nodiscard]] Result<Endpoint> parse_endpoint(const Settings& settings);

/// Reads $HOME/.config/polycube/polycubectl_config.yaml, which is created with defaults when absent; that it cannot be
/// created is no error.
[[nodiscard]] Result<Settings> load_settings(const Environment& environment);

}  // namespace polycube::cli
