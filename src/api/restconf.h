// SPDX-License-Identifier: Apache-2.0
/// RESTCONF: from an HTTP request to an HTTP response, as one function.
/// Why: everything that a client can ask is decided here, without sockets; the thinking is done by service::Controller,
/// the waiting by api::Server.
/// Invariants: handle() answers every request, whatever its bytes, and never throws; errors are ietf-restconf:errors.
/// Threading: handle() is safe from every thread.
/// Source: RFC 8040; docs/architecture.md, "HTTP".
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "api/activity.h"
#include "api/audit.h"
#include "api/errors.h"
#include "api/http.h"
#include "api/target.h"
#include "service/controller.h"

namespace polycube::api {

class Restconf {
 public:
  /// Controller and audit log, which may be null, outlive this object.
  explicit Restconf(service::Controller& controller, AuditLog* audit = nullptr)
      : controller_(controller), audit_(audit) {}

  [[nodiscard]] HttpResponse handle(const HttpRequest& request) const;

  /// Puts a request that the transport refused into the audit log, as handle() does with others.
  void refused(const HttpRequest& request, int status, const std::string& message) const;

  [[nodiscard]] Activity& activity() { return activity_; }

 private:
  using Reply = tl::expected<HttpResponse, Failure>;

  /// A request with what was already found out about it.
  struct Context {
    const HttpRequest& request;
    RequestTarget target;
    std::shared_ptr<const model::Schema> schema;
    std::optional<MediaType> reply_type;  ///< nullopt: the client accepts nothing that RESTCONF has
    [[nodiscard]] bool reading() const { return request.method == "GET" || request.method == "HEAD"; }
  };

  [[nodiscard]] Reply dispatch(const Context& context) const;
  [[nodiscard]] Reply document(const Context& context) const;

  [[nodiscard]] Reply data(const Context& context, const std::string& path) const;
  [[nodiscard]] Reply read(const Context& context, const std::string& path) const;
  [[nodiscard]] Reply edit(const Context& context, const std::string& path) const;

  [[nodiscard]] Reply operations(const Context& context, const std::string& name) const;
  [[nodiscard]] Reply invoke(const Context& context, const std::string& path, bool rpc) const;

  [[nodiscard]] Reply schema_resource(const Context& context) const;
  [[nodiscard]] Reply metrics(const Context& context) const;
  [[nodiscard]] Reply events(const Context& context) const;

  /// The text of the schema resource, made once for each schema: it is asked for at every start of the CLI.
  struct SchemaText {
    std::shared_ptr<const model::Schema> schema;
    std::string body;
    std::string etag;
  };
  [[nodiscard]] std::shared_ptr<const SchemaText> schema_text(const std::shared_ptr<const model::Schema>& schema) const;

  service::Controller& controller_;
  mutable Activity activity_;
  mutable std::atomic<unsigned> simulations_ = 0;  ///< being carried out, or waiting for the one that is
  AuditLog* audit_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const SchemaText> schema_text_;
};

/// The reply to a request that is no valid HTTP or exceeds a bound of the transport; `request` as far as it is known.
[[nodiscard]] HttpResponse transport_error(const HttpRequest& request, int status, ErrorCode code, std::string message);

}  // namespace polycube::api
