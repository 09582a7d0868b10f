// SPDX-License-Identifier: Apache-2.0
#include "api/restconf.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <map>
#include <new>
#include <optional>

#include "api/conditional.h"
#include "api/documents.h"
#include "api/entity_tag.h"
#include "api/event_stream.h"
#include "api/exposition.h"
#include "base/log.h"

namespace polycube::api {

namespace {

constexpr std::string_view data_root = "/restconf/data";
constexpr std::string_view operations_root = "/restconf/operations";
constexpr std::string_view yang_root = "/restconf/yang/";
constexpr std::string_view event_stream = "/restconf/streams/NETCONF";
constexpr std::string_view metrics_path = "/metrics";
constexpr std::string_view declared_metrics_path = "/polycube/v1/metrics";  // of the original
constexpr const char* read_methods = "GET, HEAD, OPTIONS";
constexpr const char* invoke_methods = "POST, OPTIONS";

constexpr const char* event_stream_type = "text/event-stream";

const MediaType json_type{yang_json, model::Format::json};

Failure method_not_allowed(const std::string& method, const char* allowed) {
  Failure failure(Error{ErrorCode::operation_not_supported,
                        fmt::format("the resource has no method {}; it has {}", loggable(method), allowed),
                        {},
                        {}},
                  405);
  failure.headers.emplace_back("Allow", allowed);
  return failure;
}

Failure not_found(const std::string& path) {
  return Failure(
      Error{ErrorCode::not_found, fmt::format("there is no resource {}; the API is at /restconf", path), {}, {}});
}

Failure not_acceptable() {
  return Failure(Error{ErrorCode::invalid_value,
                       fmt::format("the reply cannot be made in a type that Accept names; there are {} and {}",
                                   yang_json, yang_xml),
                       {},
                       {}},
                 406);
}

Failure unsupported_media_type(const HttpRequest& request) {
  return Failure(Error{ErrorCode::invalid_value,
                       fmt::format("the content type '{}' is not supported; send {} or {}",
                                   find_header(request.headers, "Content-Type").value_or(""), yang_json, yang_xml),
                       {},
                       {}},
                 415);
}

HttpResponse options_response(const char* allowed) { return {200, {{"Allow", allowed}}, {}}; }

HttpResponse document_response(std::string content_type, std::string body) {
  return {200, {{"Content-Type", std::move(content_type)}}, std::move(body)};
}

/// Query parameters belong to GET and HEAD of data (RFC 8040, 4.8).
Result<> refuse_query(const RequestTarget& target) {
  if (target.query.empty()) return {};
  const auto& name = target.query.front().first;
  if (name == "insert" || name == "point") {
    return fail(ErrorCode::operation_not_supported,
                "'{}' is not supported: what is added goes to the end; PUT the container of a list to order it", name);
  }
  return fail(ErrorCode::invalid_value, "the query parameter '{}' is not known for this method and resource", name);
}

Result<unsigned> parse_depth(const std::string& text) {
  unsigned depth = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), depth);
  if (error != std::errc() || end != text.data() + text.size() || depth < 1 || depth > 65535) {
    return fail(ErrorCode::invalid_value, "the query parameter depth is 'unbounded' or 1 to 65535, not '{}'", text);
  }
  return depth;
}

template <typename Value>
Result<Value> choose(const std::map<std::string, Value>& choices, const std::string& name, const std::string& text) {
  if (const auto found = choices.find(text); found != choices.end()) return found->second;
  std::string known;
  for (const auto& choice : choices) known += (known.empty() ? "" : ", ") + choice.first;
  return fail(ErrorCode::invalid_value, "the query parameter {} is one of {}, not '{}'", name, known, text);
}

Result<model::ReadOptions> read_options(const RequestTarget& target) {
  using model::Content;
  using model::WithDefaults;
  static const std::map<std::string, Content> contents = {
      {"all", Content::all}, {"config", Content::config}, {"nonconfig", Content::nonconfig}};
  static const std::map<std::string, WithDefaults> defaults = {{"report-all", WithDefaults::report_all},
                                                               {"trim", WithDefaults::trim},
                                                               {"explicit", WithDefaults::explicit_},
                                                               {"report-all-tagged", WithDefaults::report_all_tagged}};
  model::ReadOptions options;
  for (auto parameter = target.query.begin(); parameter != target.query.end(); ++parameter) {
    const auto& [name, value] = *parameter;
    const auto same_name = [&](const auto& other) { return other.first == name; };
    if (std::any_of(target.query.begin(), parameter, same_name)) {
      return fail(ErrorCode::invalid_value, "the query parameter {} is given twice", name);
    }
    if (name == "content") {
      PCN_ASSIGN(options.content, choose(contents, name, value));
    } else if (name == "with-defaults") {
      PCN_ASSIGN(options.with_defaults, choose(defaults, name, value));
    } else if (name == "depth") {
      if (value == "unbounded") continue;
      PCN_ASSIGN(options.depth, parse_depth(value));
    } else {
      return fail(ErrorCode::invalid_value,
                  "the query parameter '{}' is not known; there are content, depth and with-defaults", name);
    }
  }
  return options;
}

const char* allowed_methods(const model::Target& target) {
  switch (target.kind) {
    case model::Target::Kind::action: return invoke_methods;
    case model::Target::Kind::datastore: return "GET, HEAD, OPTIONS, POST, PUT, PATCH";  // RFC 8040, 3.4: never deleted
    case model::Target::Kind::data: break;
  }
  return target.config ? "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE" : read_methods;
}

/// Simulations have copies of all tables and are carried out one by one: those that wait must not take up all that answers
/// requests. One of their places is root's.
class SimulationPlace {
 public:
  SimulationPlace(std::atomic<unsigned>& taken, bool root) : all_(taken) {
    constexpr unsigned places = 4;
    const unsigned limit = root ? places : places - 1;
    unsigned now = all_;
    while (now < limit && !all_.compare_exchange_weak(now, now + 1)) {
    }
    taken_ = now < limit;
  }
  SimulationPlace(const SimulationPlace&) = delete;
  SimulationPlace& operator=(const SimulationPlace&) = delete;
  ~SimulationPlace() {
    if (taken_) --all_;
  }
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  std::atomic<unsigned>& all_;
  bool taken_ = false;
};

bool is_reading(const std::string& method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

bool is_allowed(const char* allowed, const std::string& method) {
  const auto methods = split_list(allowed, ',');
  return std::ranges::find(methods, method) != methods.end();
}

}  // namespace

void Restconf::refused(const HttpRequest& request, int status, const std::string& message) const {
  if (audit_ != nullptr && !is_reading(request.method)) audit_->record(request, status, message);
}

HttpResponse Restconf::handle(const HttpRequest& request) const {
  const auto begin = std::chrono::steady_clock::now();
  auto type = json_type;
  HttpResponse response;
  std::string refusal;
  const bool reading = is_reading(request.method);
  try {
    const auto schema = controller_.schema();
    const auto fallback = body_format(request.headers).value_or(model::Format::json);
    Context context{request, {}, schema, negotiate(request.headers, fallback)};
    if (context.reply_type) type = *context.reply_type;
    auto target = parse_target(request.target);
    Reply reply = tl::unexpected<Failure>(Failure(Error{}));
    if (target) {
      context.target = std::move(*target);
      reply = dispatch(context);
    } else {
      reply = tl::unexpected<Failure>(Failure(std::move(target).error()));
    }
    if (reply) {
      response = std::move(*reply);
    } else {
      refusal = reply.error().error.message;
      response = error_response(reply.error(), reading, type, schema.get());
      if (!reading) {
        log::info("{} {} refused: {}", loggable(request.method), loggable(request.target),
                  loggable(reply.error().error.message));
      }
    }
  } catch (const std::bad_alloc&) {
    refusal = "polycubed has no memory for this request: nothing was changed";
    log::error("{} {}: {}", loggable(request.method), loggable(request.target), refusal);
    const Failure failure(Error{ErrorCode::system, refusal, {}, {}});
    response = error_response(failure, reading, json_type, nullptr);
  } catch (const std::exception& exception) {
    log::error("{} {}: {}", loggable(request.method), loggable(request.target), exception.what());
    refusal = exception.what();
    const Failure failure(Error{ErrorCode::system, "the request failed inside the daemon; its log says more", {}, {}});
    response = error_response(failure, reading, json_type, nullptr);
  }
  // Who follows packets asks for more of them over and over, which would drive out everything else.
  const bool following = request.target == "/restconf/operations/polycube:read-trace" && response.status < 300;
  if (audit_ != nullptr && !reading && !following) audit_->record(request, response.status, refusal);
  response.headers.emplace_back("Cache-Control", "no-cache");
  activity_.answered(request.method, response.status, std::chrono::steady_clock::now() - begin);
  log::debug("{} {} {} {} bytes", loggable(request.method), loggable(request.target), response.status,
             response.body.size());
  return response;
}

Restconf::Reply Restconf::dispatch(const Context& context) const {
  if (find_header(context.request.headers, "Origin")) {
    // Only browsers send Origin; a web page must not steer the data path with the certificate of who looks at it.
    return tl::unexpected<Failure>(Error{ErrorCode::access_denied, "requests of web pages are refused", {}, {}});
  }
  const std::string_view path = context.target.path;
  const auto below = [&](std::string_view root) { return path == root || path.starts_with(std::string(root) + "/"); };
  if (below(data_root)) {
    return data(context, std::string(path.size() > data_root.size() ? path.substr(data_root.size() + 1) : ""));
  }
  if (path.starts_with(std::string(operations_root) + "/")) {
    return operations(context, std::string(path.substr(operations_root.size() + 1)));
  }
  return document(context);
}

Restconf::Reply Restconf::document(const Context& context) const {
  const auto& path = context.target.path;
  const auto& method = context.request.method;
  const bool restconf = path == "/restconf" || path == "/restconf/yang-library-version" || path == operations_root;
  const bool source = path.starts_with(yang_root) && path.ends_with(".yang");
  const bool watched = path == metrics_path || path == declared_metrics_path || path == event_stream;
  if (!restconf && !source && !watched && path != "/.well-known/host-meta" && path != "/polycube/schema") {
    return tl::unexpected<Failure>(not_found(path));
  }
  if (method == "OPTIONS") return options_response(read_methods);
  if (!context.reading()) return tl::unexpected<Failure>(method_not_allowed(method, read_methods));
  if (path == event_stream) return events(context);
  PCN_TRY(refuse_query(context.target));

  if (watched) return metrics(context);
  if (path == "/.well-known/host-meta") return document_response("application/xrd+xml", host_meta());
  if (path == "/polycube/schema") return schema_resource(context);
  if (source) {
    const auto module =
        path.substr(yang_root.size(), path.size() - yang_root.size() - std::string_view(".yang").size());
    PCN_ASSIGN(auto text, context.schema->source(module));
    return document_response("application/yang", std::move(text));
  }
  if (!context.reply_type) return tl::unexpected<Failure>(not_acceptable());
  const auto format = context.reply_type->format;
  const auto body = path == "/restconf"       ? api_resource(*context.schema, format)
                    : path == operations_root ? operations_resource(*context.schema, format)
                                              : yang_library_version(*context.schema, format);
  return document_response(context.reply_type->name, body);
}

Restconf::Reply Restconf::data(const Context& context, const std::string& path) const {
  const auto& method = context.request.method;
  PCN_ASSIGN(const auto target, model::resolve(*context.schema, path));
  const char* allowed = allowed_methods(target);
  if (!is_allowed(allowed, method)) return tl::unexpected<Failure>(method_not_allowed(method, allowed));
  if (method == "OPTIONS") {
    auto response = options_response(allowed);
    if (is_allowed(allowed, "PATCH")) {
      response.headers.emplace_back("Accept-Patch", fmt::format("{}, {}", yang_json, yang_xml));
    }
    return response;
  }
  if (!context.reply_type) return tl::unexpected<Failure>(not_acceptable());
  if (context.reading()) return read(context, path);
  PCN_TRY(refuse_query(context.target));
  if (target.kind == model::Target::Kind::action) return invoke(context, path, false);
  return edit(context, path);
}

Restconf::Reply Restconf::read(const Context& context, const std::string& path) const {
  PCN_ASSIGN(auto options, read_options(context.target));
  options.format = context.reply_type->format;
  const auto& headers = context.request.headers;
  const auto match = find_header(headers, "If-Match");
  const auto none_match = find_header(headers, "If-None-Match");
  EntityTags match_tags;
  EntityTags none_match_tags;
  if (match) {
    PCN_ASSIGN(match_tags, parse_entity_tags(*match));
  }
  if (none_match) {
    PCN_ASSIGN(none_match_tags, parse_entity_tags(*none_match));
  }

  PCN_ASSIGN(auto reply, controller_.read(path, options, context.request.client));
  const auto names_revision = [&](const std::string& tag) { return revision_of(tag) == reply.etag; };
  if (match && !match_tags.any && std::ranges::none_of(match_tags.strong, names_revision)) {
    return tl::unexpected<Failure>(
        Error{ErrorCode::precondition_failed, "the configuration is not the one that If-Match names", {}, {}});
  }
  const bool state = options.content != model::Content::config;
  const auto tag = state ? state_tag(reply.etag, reply.body) : reply.etag;
  HttpResponse response{200, {{"ETag", '"' + tag + '"'}}, {}};
  if (none_match && matches_weakly(none_match_tags, tag)) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("Content-Type", context.reply_type->name);
  response.body = std::move(reply.body);
  return response;
}

Restconf::Reply Restconf::edit(const Context& context, const std::string& path) const {
  static const std::map<std::string, model::Method> methods = {{"POST", model::Method::post},
                                                               {"PUT", model::Method::put},
                                                               {"PATCH", model::Method::patch},
                                                               {"DELETE", model::Method::remove}};
  const auto& request = context.request;
  model::Edit edit{methods.at(request.method), path, {}, model::Format::json};
  if (edit.method != model::Method::remove) {
    const auto format = body_format(request.headers);
    if (!format) return tl::unexpected<Failure>(unsupported_media_type(request));
    if (request.body.empty()) {
      return tl::unexpected<Failure>(
          Error{ErrorCode::malformed_message, fmt::format("a {} needs a body", request.method), {}, {}});
    }
    edit.format = *format;
    edit.body = request.body;
  }
  PCN_ASSIGN(const auto reply, conditional_edit(controller_, edit, request.headers, {request.client, {}}));

  HttpResponse response{reply.created ? 201 : 204, {}, {}};
  if (edit.method == model::Method::post) response.status = 201;
  if (!reply.etag.empty()) response.headers.emplace_back("ETag", '"' + reply.etag + '"');
  if (edit.method == model::Method::post && !reply.location.empty()) {
    response.headers.emplace_back("Location", fmt::format("{}/{}", data_root, reply.location));
  }
  return response;
}

Restconf::Reply Restconf::operations(const Context& context, const std::string& name) const {
  if (!has_rpc(*context.schema, name)) return tl::unexpected<Failure>(not_found(context.target.path));
  const auto& method = context.request.method;
  if (method == "OPTIONS") return options_response(invoke_methods);
  if (method != "POST") return tl::unexpected<Failure>(method_not_allowed(method, invoke_methods));
  PCN_TRY(refuse_query(context.target));
  return invoke(context, name, true);
}

Restconf::Reply Restconf::invoke(const Context& context, const std::string& path, bool rpc) const {
  const auto& request = context.request;
  if (!context.reply_type) return tl::unexpected<Failure>(not_acceptable());
  auto type = *context.reply_type;
  if (!request.body.empty()) {
    const auto format = body_format(request.headers);
    if (!format) return tl::unexpected<Failure>(unsupported_media_type(request));
    // The output of an operation has the encoding of its input.
    const auto same = negotiate(request.headers, *format, *format);
    if (!same) return tl::unexpected<Failure>(not_acceptable());
    type = *same;
  }
  std::optional<SimulationPlace> place;
  if (rpc && path == "polycube:simulate") {
    place.emplace(simulations_, request.client.recovery);
    if (!place->taken())
      return tl::unexpected<Failure>(Failure(
          Error{ErrorCode::limit_exceeded, "other simulations are under way or waiting; try again", {}, {}}, 503));
  }
  PCN_ASSIGN(auto output, rpc ? controller_.invoke_rpc(path, request.body, type.format, {request.client, {}})
                              : controller_.invoke_action(path, request.body, type.format, {request.client, {}}));
  if (output.empty()) return HttpResponse{204, {}, {}};
  return document_response(type.name, std::move(output));
}

Restconf::Reply Restconf::metrics(const Context& context) const {
  PCN_ASSIGN(service::Metrics metrics, controller_.metrics(context.request.client));
  if (context.target.path == declared_metrics_path)
    return document_response(prometheus_type, print_declared_metrics(metrics));
  activity_.add_to(metrics);
  const Exposition format = choose_exposition(context.request.headers);
  return document_response(format == Exposition::openmetrics ? openmetrics_type : prometheus_type,
                           print_metrics(metrics, format));
}

Restconf::Reply Restconf::events(const Context& context) const {
  if (!context.target.query.empty())
    return tl::unexpected<Failure>(
        Error{ErrorCode::operation_not_supported,
              fmt::format("the query parameter '{}' is not available: a stream has all events from now on",
                          context.target.query.front().first),
              {},
              {}});
  if (acceptance(context.request.headers, event_stream_type) <= 0)
    return tl::unexpected<Failure>(Failure(
        Error{ErrorCode::invalid_value, fmt::format("the events come as {} only", event_stream_type), {}, {}}, 406));
  HttpResponse response{200, {{"Content-Type", event_stream_type}}, {}};
  if (context.request.method == "HEAD") return response;
  auto events = controller_.subscribe(context.request.client);
  if (!events) {
    const int busy = events.error().code == ErrorCode::limit_exceeded ? 503 : 0;
    return tl::unexpected<Failure>(Failure(std::move(events).error(), busy));
  }
  response.stream = std::make_shared<EventStream>(std::move(*events));
  return response;
}

Restconf::Reply Restconf::schema_resource(const Context& context) const {
  const auto text = schema_text(context.schema);
  HttpResponse response{200, {{"ETag", '"' + text->etag + '"'}}, {}};
  if (const auto none_match = find_header(context.request.headers, "If-None-Match")) {
    PCN_ASSIGN(const auto tags, parse_entity_tags(*none_match));
    if (matches_weakly(tags, text->etag)) {
      response.status = 304;
      return response;
    }
  }
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = text->body;
  return response;
}

std::shared_ptr<const Restconf::SchemaText> Restconf::schema_text(
    const std::shared_ptr<const model::Schema>& schema) const {
  const std::lock_guard lock(mutex_);
  if (schema_text_ == nullptr || schema_text_->schema != schema) {
    auto body = schema->description().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    auto etag = fmt::format("{:016x}", std::hash<std::string>{}(body));
    schema_text_ = std::make_shared<SchemaText>(SchemaText{schema, std::move(body), std::move(etag)});
  }
  return schema_text_;
}

HttpResponse transport_error(const HttpRequest& request, int status, ErrorCode code, std::string message) {
  // Noise of broken or hostile clients stays out of the log; a complete request that is refused does not.
  const bool noise = code == ErrorCode::malformed_message || request.method.empty();
  spdlog::log(noise ? spdlog::level::debug : spdlog::level::info, "{} {} refused: {}", loggable(request.method),
              loggable(request.target), loggable(message));
  const auto type = negotiate(request.headers, model::Format::json).value_or(json_type);
  auto response = error_response(Failure(Error{code, std::move(message), {}, {}}, status), false, type, nullptr);
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

}  // namespace polycube::api
