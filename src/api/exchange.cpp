// SPDX-License-Identifier: Apache-2.0
#include "api/exchange.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/restconf.h"
#include "base/log.h"

namespace polycube::api {

/// One request and what is known about it.
struct Exchange::Current {
  Connection& connection;
  HttpRequest request{};
  std::optional<HttpResponse> refusal{};  ///< decided before the body was read
  bool chunked = false;
  std::size_t length = 0;
  bool unread = false;                       ///< the body was not read to its end
  bool answered = false;                     ///< put() made the reply
  std::shared_ptr<EndlessBody> stream = {};  ///< follows the header section of the reply
  std::size_t held = 0;                      ///< bytes of the body that count in held_
};

thread_local Exchange::Current* Exchange::current_ = nullptr;

namespace {

/// Content-Length: digits only; several equal values count as one (RFC 9112, 6.3).
std::optional<std::size_t> parse_length(std::string_view text) {
  std::optional<std::size_t> length;
  for (const auto part : split_list(text, ',')) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || (length && *length != value)) return std::nullopt;
    length = value;
  }
  return length;
}

bool carries_body(const std::string& method) {
  return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
}

}  // namespace

Exchange::Exchange(RequestHandler handler, const Limits& limits, RefusalHandler refused)
    : handler_(std::move(handler)), refused_(std::move(refused)), limits_(limits) {
  set_payload_max_length(limits.body);
  set_expect_100_continue_handler([this](const httplib::Request&, httplib::Response& response) {
    if (!current_->refusal) return 100;
    answer(*current_, response);
    return response.status;
  });
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    if (!current_->refusal && carries_body(request.method)) return HandlerResponse::Unhandled;
    answer(*current_, response);
    return HandlerResponse::Handled;
  });
  const auto with_body = [this](const httplib::Request&, httplib::Response& response,
                                const httplib::ContentReader& reader) { receive(*current_, response, reader); };
  Post("/", with_body);
  Put("/", with_body);
  Patch("/", with_body);
  Delete("/", with_body);
  set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
    if (!current_->answered) explain(*current_, request, response);
  });
  set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
    response.headers.erase("Accept-Ranges");
    response.headers.erase("Keep-Alive");
    // RFC 9110, 8.6: a 204 has no Content-Length, that of a 304 would be the length of the 200.
    // The length of a stream is not known; it ends with the connection.
    if (response.status == 204 || response.status == 304 || current_->stream) response.headers.erase("Content-Length");
  });
}

void Exchange::serve(Connection& connection, const std::atomic<bool>& stopping) {
  for (std::size_t count = 1; !stopping && connection.wait_readable(); ++count) {
    connection.enter(Connection::Phase::receiving, limits_.receive_timeout);
    connection.allow(limits_.header);
    Current current{connection};
    current_ = &current;
    bool closed = false;
    const bool last = stopping || count >= limits_.requests_per_connection;
    const bool sound =
        process_request(connection, last, closed, [&](httplib::Request& request) { prepare(current, request); });
    current_ = nullptr;
    release(current);
    if (current.stream) {
      if (sound) connection.send(*current.stream);
      return;
    }
    if (current.unread) {
      connection.enter(Connection::Phase::closing, limits_.linger_timeout);
      connection.drain();
    }
    if (!sound || closed || last || current.unread || connection.broken()) return;
    connection.enter(Connection::Phase::idle, limits_.idle_timeout);
  }
}

/// Called when the header section is complete, before anything of the body is read.
void Exchange::prepare(Current& current, httplib::Request& request) const {
  current.request.client = current.connection.client();
  current.request.method = request.method;
  current.request.target = request.target;
  for (const auto& [name, value] : request.headers) current.request.headers.emplace_back(name, value);
  request.path = "/";      // every resource has the one handler; httplib would match its patterns by recursion
  request.ranges.clear();  // ranges are not offered, so Range is ignored (RFC 9110, 14.2)

  const auto& headers = current.request.headers;
  const auto coding = find_header(headers, "Transfer-Encoding");
  const auto length = find_header(headers, "Content-Length");
  current.chunked = coding && equal_ignoring_case(trim(*coding), "chunked");
  if (length) current.length = parse_length(*length).value_or(0);

  if ((coding && !current.chunked) || (coding && length) || (length && !parse_length(*length))) {
    refuse(current, 400, ErrorCode::malformed_message,
           "the length of the body is not clear; send one Content-Length or "
           "the transfer coding 'chunked'");
  } else if (current.length > limits_.body) {
    refuse(current, 413, ErrorCode::limit_exceeded,
           fmt::format("the body has {} bytes; at most {} are accepted", current.length, limits_.body));
  } else if (request.is_multipart_form_data()) {
    refuse(current, 415, ErrorCode::invalid_value, "forms are not supported; send application/yang-data+json");
  }
  const bool body = current.chunked || current.length > 0;
  current.unread = body && (current.refusal || !carries_body(request.method));
  if (current.refusal || current.unread) {
    request.headers.erase("Connection");
    request.set_header("Connection", "close");
    current.unread = true;
  }
  // Chunks have sizes, extensions and trailers of their own.
  current.connection.allow(current.chunked ? 2 * limits_.body + limits_.header : current.length);
}

void Exchange::receive(Current& current, httplib::Response& response, const httplib::ContentReader& reader) {
  auto& body = current.request.body;
  bool too_big = false;
  bool too_many = false;
  const auto store = [&](const char* data, std::size_t size) {
    too_big = body.size() + size > limits_.body;
    if (too_big) return false;
    current.held += size;
    too_many = held_.fetch_add(size) + size > limits_.all_bodies;
    if (too_many) return false;
    body.append(data, size);
    return true;
  };
  const bool complete = (!current.chunked && current.length == 0) || reader(store);
  if (complete) return answer(current, response);

  current.unread = true;
  response.set_header("Connection", "close");
  if (too_big || current.connection.exhausted()) {
    refuse(current, 413, ErrorCode::limit_exceeded, fmt::format("the body has more than {} bytes", limits_.body));
  } else if (too_many) {
    refuse(current, 503, ErrorCode::limit_exceeded, "too many large requests at the same time; try again");
  } else if (current.connection.timed_out()) {
    current.unread = false;  // there is nothing to wait for
    refuse(current, 408, ErrorCode::malformed_message,
           fmt::format("the request was not complete after {} s", limits_.receive_timeout.count() / 1000.0));
  } else if (response.status == 415) {
    refuse(current, 415, ErrorCode::invalid_value, "the content coding of the body is not supported");
  } else {
    refuse(current, 400, ErrorCode::malformed_message, "the body is shorter than announced, or not well encoded");
  }
  answer(current, response);
}

void Exchange::refuse(Current& current, int status, ErrorCode code, const std::string& message) const {
  current.refusal = refusal(current, status, code, message);
}

HttpResponse Exchange::refusal(Current& current, int status, ErrorCode code, const std::string& message) const {
  // What is malformed or was cut off is no request of anybody.
  if (refused_ && code != ErrorCode::malformed_message && !current.request.method.empty())
    refused_(current.request, status, message);
  return transport_error(current.request, status, code, message);
}

void Exchange::answer(Current& current, httplib::Response& response) {
  current.connection.enter(Connection::Phase::handling);
  put(current, response, current.refusal ? std::move(*current.refusal) : handler_(current.request));
  release(current);
}

// Before the reply is sent: whoever has it may count on the room.
void Exchange::release(Current& current) {
  std::string().swap(current.request.body);
  held_ -= std::exchange(current.held, 0);
}

void Exchange::put(Current& current, httplib::Response& response, HttpResponse reply) {
  current.answered = true;
  response.status = reply.status;
  for (const auto& [name, value] : reply.headers) response.set_header(name, value);
  response.body = std::move(reply.body);
  if (!reply.stream) return;
  response.set_header("Connection", "close");
  if (current.request.method != "HEAD") current.stream = std::move(reply.stream);
}

/// Refusals of httplib itself.
void Exchange::explain(Current& current, const httplib::Request& request, httplib::Response& response) const {
  current.request.client = current.connection.client();
  current.request.method = request.method;
  current.request.target = request.target;
  const int status = response.status;
  HttpResponse reply;
  if (status == 414) {
    reply = refusal(current, status, ErrorCode::limit_exceeded, "the URL is too long");
  } else if (current.connection.exhausted()) {
    reply = refusal(current, 431, ErrorCode::limit_exceeded,
                    fmt::format("the header section has more than {} bytes", limits_.header));
  } else {
    reply = refusal(current, status, ErrorCode::malformed_message, "this is not a request of HTTP/1.1");
  }
  response.set_header("Connection", "close");
  current.unread = true;
  put(current, response, std::move(reply));
}

}  // namespace polycube::api
