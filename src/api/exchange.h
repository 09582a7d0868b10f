// SPDX-License-Identifier: Apache-2.0
/// HTTP/1.1 over one Connection: reads requests, asks the handler, writes replies.
/// Why: httplib parses and prints HTTP. Its accept loop, thread pool and per-byte timeouts are not used: they let slow
/// clients occupy every worker. Only its processing of one request over a stream is.
/// Invariants: a request is handed on only when it is complete and within the bounds; every refusal is an answer of the
/// API (ietf-restconf:errors) if the client can still be answered; where the end of a request is in doubt (conflicting
/// lengths, unread body) the connection ends with the answer.
/// Threading: serve() may run on many threads at once, each with its own connection.
/// Source: RFC 9112, 6 and 9.
#pragma once

#include <atomic>
#include <functional>

#include "api/connection.h"
#include "api/http.h"

namespace polycube::api {

using RequestHandler = std::function<HttpResponse(const HttpRequest&)>;
/// Told of requests that are refused because of their size, coding or number, and never reach the handler.
using RefusalHandler = std::function<void(const HttpRequest&, int status, const std::string& message)>;

class Exchange final : private httplib::Server {
 public:
  Exchange(RequestHandler handler, const Limits& limits, RefusalHandler refused = {});

  /// Serves one client until it leaves, exceeds a bound, or `stopping` becomes true.
  void serve(Connection& connection, const std::atomic<bool>& stopping);

 private:
  struct Current;

  void prepare(Current& current, httplib::Request& request) const;
  void receive(Current& current, httplib::Response& response, const httplib::ContentReader& reader);
  void answer(Current& current, httplib::Response& response);
  void release(Current& current);
  void refuse(Current& current, int status, ErrorCode code, const std::string& message) const;
  [[nodiscard]] HttpResponse refusal(Current& current, int status, ErrorCode code, const std::string& message) const;
  static void put(Current& current, httplib::Response& response, HttpResponse reply);
  void explain(Current& current, const httplib::Request& request, httplib::Response& response) const;

  /// The exchange that this thread is in: httplib's callbacks have no room for an argument of ours.
  static thread_local Current* current_;

  const RequestHandler handler_;
  const RefusalHandler refused_;
  const Limits& limits_;
  std::atomic<std::size_t> held_ = 0;  ///< bytes of all bodies
};

}  // namespace polycube::api
