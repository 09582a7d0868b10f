// SPDX-License-Identifier: Apache-2.0
/// The one door to the running system: reads, transactions and operations, as RESTCONF sees them.
/// Why: the API only speaks HTTP, everything that thinks is behind this interface and can be tested without a socket.
/// Invariants: a transaction is carried out completely or leaves everything as it was; when edit() returns, the data
/// path is in effect. What the access rules do not permit to a client is access_denied, with the path of the first node.
/// Threading: safe from every thread; transactions are serialised, reads run beside each other.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/datastore.h"
#include "service/client.h"
#include "service/events.h"
#include "service/metrics.h"

namespace polycube::service {

struct ReadReply {
  std::string body;
  std::string etag;  ///< strong entity tag of the configuration that was read, without quotes
};

struct EditReply {
  bool created = false;
  std::string location;  ///< api-path of a resource created by POST
  std::string etag;      ///< of the configuration after the edit
};

class Controller {
 public:
  virtual ~Controller() = default;

  /// `path`: api-path below {+restconf}/data, "" for the datastore. What the client may not read is not there.
  [[nodiscard]] virtual Result<ReadReply> read(const std::string& path, const model::ReadOptions& options,
                                               const Client& client) = 0;

  /// `if_match`: entity tags of which one must be the current one; "*" matches every existing resource.
  [[nodiscard]] virtual Result<EditReply> edit(const model::Edit& edit, const std::vector<std::string>& if_match,
                                               const Origin& origin) = 0;

  /// Action (api-path below data) or RPC ("module:name", below operations). Returns the body of the reply, which may be
  /// empty.
  [[nodiscard]] virtual Result<std::string> invoke_action(const std::string& path, const std::string& body,
                                                          model::Format format, const Origin& origin) = 0;
  [[nodiscard]] virtual Result<std::string> invoke_rpc(const std::string& rpc, const std::string& body,
                                                       model::Format format, const Origin& origin) = 0;

  /// Entity tag of the configuration as it is now.
  [[nodiscard]] virtual std::string revision() const = 0;

  [[nodiscard]] virtual std::shared_ptr<const model::Schema> schema() const = 0;

  /// The events from now on that the client may read. Errors: limit_exceeded, system.
  [[nodiscard]] virtual Result<std::shared_ptr<Events::Subscription>> subscribe(const Client& client) = 0;
  /// Ends all subscriptions, before the daemon stops.
  virtual void end_subscriptions() = 0;

  /// What there is to watch now. Errors: access_denied for who may not read the container `status`.
  [[nodiscard]] virtual Result<Metrics> metrics(const Client& client) = 0;
};

}  // namespace polycube::service
