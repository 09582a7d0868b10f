// SPDX-License-Identifier: Apache-2.0
/// Options of polycubed, from the command line and the configuration file.
/// Invariants: the command line wins over the file, the file over the defaults.
/// Threading: plain values.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace polycube::daemon {

struct Options {
  std::filesystem::path socket = "/run/polycube/polycubed.sock";
  std::filesystem::path state_dir = "/var/lib/polycube";
  std::filesystem::path pin_dir = "/sys/fs/bpf/polycube";
  std::filesystem::path config = "/etc/polycube/polycubed.conf";
  std::string log_level = "info";
  std::string group = "polycube";  ///< whose members may use the socket
  std::string listen;              ///< "ADDRESS:PORT" of the API over TLS, or empty
  std::string address;             ///< the same in two parts, as the original tool has them
  std::string port;
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path ca;
  std::filesystem::path crl;
  std::filesystem::path blacklist;  ///< folders of certificates by hash
  std::filesystem::path whitelist;
  std::string audit_log;  ///< file, or "syslog"; empty: audit.log in the state folder
  std::vector<std::filesystem::path> service_dirs;
  std::filesystem::path services_socket;  ///< for services with a process of their own; empty: none
  std::string services_listen;            ///< "ADDRESS:PORT" for those on other machines, or empty
  std::filesystem::path services_certificate;
  std::filesystem::path services_key;
  std::filesystem::path services_ca;
  bool clean_on_exit = false;
  bool clean = false;             ///< begin with an empty configuration
  bool transient = false;         ///< keep nothing
  bool remove_data_path = false;  ///< only that, and end
  /// What was only asked for is printed and nothing is run.
  std::string answer;
};

/// Errors: invalid_value; the message is for the user and says what to do.
[[nodiscard]] Result<Options> parse_options(int argc, const char* const* argv);

/// Names that a configuration file can have.
[[nodiscard]] std::vector<std::string> setting_names();

/// Applies the lines "name: value" of a configuration file to what the command line left open. Lines that are empty or
/// begin with '#' are skipped; an option without argument takes true or false.
/// Errors: invalid_value with file, line number and text.
[[nodiscard]] Result<> apply_config(const std::filesystem::path& file, const std::vector<std::string>& given,
                                    Options& options);

}  // namespace polycube::daemon
