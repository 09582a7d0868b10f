// SPDX-License-Identifier: Apache-2.0
/// Who is at the other end of a connection, as the transport vouches for it.
/// Invariants: `groups` are the kernel's word, so they are empty for whoever proved to be somebody by a certificate.
/// Threading: plain values.
#pragma once

#include <string>
#include <vector>

#include "model/access_rules.h"

namespace polycube::service {

struct Client {
  std::string user;                      ///< empty: unknown
  std::string address = {};              ///< "pid 4711" on this machine, or "192.0.2.1:4711"
  std::vector<std::string> groups = {};  ///< names of the system's groups that a process on this machine is in
  bool recovery = false;                 ///< root on this machine: no rule applies (RFC 8341, 1.1, recovery session)
};

/// As the access rules see them.
[[nodiscard]] inline model::AccessSubject subject_of(const Client& client) {
  return {client.user, client.groups, client.recovery};
}

/// Who asks for a change, and why, for the history.
struct Origin {
  Client client;
  std::string comment = {};
};

}  // namespace polycube::service
