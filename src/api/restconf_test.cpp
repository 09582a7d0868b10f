// SPDX-License-Identifier: Apache-2.0
#include "api/restconf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "api/fake_controller.h"

namespace polycube::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string bridge = "simplebridge:simplebridge=sb1";

class RestconfTest : public ::testing::Test {
 protected:
  RestconfTest() : controller_(schema()), restconf_(controller_) {}

  static std::shared_ptr<const model::Schema> schema() {
    static const auto schema = load_schema(std::filesystem::path(POLYCUBE_TEST_SOURCE_DIR) / "../..");
    EXPECT_TRUE(schema) << (schema ? "" : schema.error().message);
    return *schema;
  }

  HttpResponse ask(const std::string& method, const std::string& target, const Headers& headers = {},
                   const std::string& body = "") {
    auto response = restconf_.handle({method, target, headers, body});
    EXPECT_EQ(find_header(response.headers, "Cache-Control"), "no-cache");
    return response;
  }
  HttpResponse get(const std::string& target, const Headers& headers = {}) { return ask("GET", target, headers); }

  static json error_of(const HttpResponse& response) {
    EXPECT_EQ(find_header(response.headers, "Content-Type"), yang_json);
    const auto body = json::parse(response.body, nullptr, false);
    if (body.is_discarded()) {
      ADD_FAILURE() << response.body;
      return {};
    }
    return body.at("ietf-restconf:errors").at("error").at(0);
  }
  void expect_error(const HttpResponse& response, int status, const std::string& tag) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(error_of(response).at("error-tag"), tag) << response.body;
    EXPECT_FALSE(error_of(response).at("error-message").get<std::string>().empty());
  }
  static std::string header(const HttpResponse& response, std::string_view name) {
    return find_header(response.headers, name).value_or("(absent)");
  }

  FakeController controller_;
  Restconf restconf_;
};

// ---- resources of the API itself -------------------------------------------------------------------------------------

TEST_F(RestconfTest, SimulationsAreFewAndOnePlaceIsRoots) {
  std::mutex mutex;
  std::condition_variable changed;
  int under_way = 0;
  bool over = false;
  controller_.on_rpc = [&](const std::string&, const std::string&, model::Format) -> Result<std::string> {
    std::unique_lock lock(mutex);
    under_way++;
    changed.notify_all();
    changed.wait(lock, [&] { return over; });
    return std::string();
  };
  std::vector<std::thread> clients;
  const auto simulate = [&](bool root) {
    HttpRequest request{"POST", "/restconf/operations/polycube:simulate", {}, ""};
    request.client.recovery = root;
    return restconf_.handle(request).status;
  };
  const auto begin = [&](bool root, int expected) {
    clients.emplace_back([&, root] { EXPECT_EQ(simulate(root), 204); });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return under_way == expected; });
  };
  for (int number = 1; number <= 3; number++) begin(false, number);
  EXPECT_EQ(simulate(false), 503);
  begin(true, 4);
  EXPECT_EQ(simulate(true), 503);
  {
    const std::lock_guard lock(mutex);
    over = true;
  }
  changed.notify_all();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(simulate(false), 204) << "places are given back";
}

TEST_F(RestconfTest, HostMetaLinksToTheRoot) {
  const auto response = get("/.well-known/host-meta");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "application/xrd+xml");
  EXPECT_THAT(response.body, HasSubstr("rel=\"restconf\" href=\"/restconf\""));
}

TEST_F(RestconfTest, ApiResource) {
  const auto body = json::parse(get("/restconf").body).at("ietf-restconf:restconf");
  EXPECT_EQ(body.at("data"), json::object());
  EXPECT_EQ(body.at("operations"), json::object());
  EXPECT_EQ(body.at("yang-library-version").get<std::string>().size(), 10U);
  EXPECT_EQ(get("/restconf/").body, get("/restconf").body);
  const auto xml = get("/restconf", {{"Accept", yang_xml}});
  EXPECT_EQ(header(xml, "Content-Type"), yang_xml);
  EXPECT_THAT(xml.body,
              HasSubstr("<restconf xmlns=\"urn:ietf:params:xml:ns:yang:ietf-restconf\"><data/><operations/>"));
}

TEST_F(RestconfTest, YangLibraryVersion) {
  const auto version = json::parse(get("/restconf/yang-library-version").body).at("ietf-restconf:yang-library-version");
  EXPECT_EQ(version, json::parse(get("/restconf").body).at("ietf-restconf:restconf").at("yang-library-version"));
  EXPECT_THAT(get("/restconf/yang-library-version", {{"Accept", yang_xml}}).body,
              HasSubstr(">" + version.get<std::string>() + "</yang-library-version>"));
}

TEST_F(RestconfTest, YangSources) {
  const auto response = get("/restconf/yang/simplebridge.yang");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "application/yang");
  EXPECT_THAT(response.body, ::testing::StartsWith("module simplebridge {"));
  expect_error(get("/restconf/yang/nonsense.yang"), 404, "invalid-value");
  expect_error(get("/restconf/yang/..%2F..%2Fetc%2Fpasswd.yang"), 404, "invalid-value");
}

TEST_F(RestconfTest, SchemaHasAnEntityTag) {
  const auto response = get("/polycube/schema");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "application/json");
  EXPECT_TRUE(json::parse(response.body).at("services").contains("simplebridge"));
  const auto tag = header(response, "ETag");
  EXPECT_THAT(tag, ::testing::MatchesRegex("\"[0-9a-f]+\""));
  for (const auto& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const auto again = get("/polycube/schema", {{"If-None-Match", known}});
    EXPECT_EQ(again.status, 304) << known;
    EXPECT_EQ(header(again, "ETag"), tag);
    EXPECT_THAT(again.body, IsEmpty());
  }
  EXPECT_EQ(get("/polycube/schema", {{"If-None-Match", "\"other\""}}).status, 200);
}

TEST_F(RestconfTest, DescribingResourcesAreReadOnly) {
  for (const auto* path : {"/restconf", "/restconf/yang-library-version", "/restconf/operations", "/polycube/schema",
                           "/.well-known/host-meta", "/restconf/yang/polycube.yang"}) {
    for (const auto* method : {"POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"}) {
      const auto response = ask(method, path, {}, "{}");
      expect_error(response, 405, "operation-not-supported");
      EXPECT_EQ(header(response, "Allow"), "GET, HEAD, OPTIONS");
    }
    EXPECT_EQ(ask("OPTIONS", path).status, 200) << path;
    EXPECT_EQ(header(ask("OPTIONS", path), "Allow"), "GET, HEAD, OPTIONS");
    EXPECT_EQ(ask("HEAD", path).status, 200) << path;
    expect_error(get(std::string(path) + "?depth=1"), 400, "invalid-value");
  }
}

TEST_F(RestconfTest, UnknownResources) {
  for (const auto* path : {"/", "/restconfx", "/restconf/datax", "/restconf/foo", "/polycube", "/polycube/v1/bridge",
                           "/restconf/yang/", "/restconf/yang/polycube", "*", "/restconf/operationsx"}) {
    expect_error(get(path), 404, "invalid-value");
    expect_error(ask("POST", path, {}, "{}"), 404, "invalid-value");
  }
  expect_error(get("restconf"), 400, "malformed-message");
  expect_error(get("/restconf#x"), 400, "malformed-message");
  expect_error(get("/restconf/data?content=%zz"), 400, "malformed-message");
}

// ---- reads -----------------------------------------------------------------------------------------------------------

TEST_F(RestconfTest, ReadPassesThePathUndecodedAndTheOptions) {
  std::string path;
  model::ReadOptions options;
  controller_.on_read = [&](const auto& asked, const auto& with) {
    path = asked;
    options = with;
    return service::ReadReply{"{\"a\":1}", "7"};
  };
  const auto response = get("/restconf/data/" + bridge + "/fdb/entry=02%3A00%3a00:00:00:01");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{\"a\":1}");
  EXPECT_EQ(header(response, "Content-Type"), yang_json);
  EXPECT_EQ(path, bridge + "/fdb/entry=02%3A00%3a00:00:00:01");
  EXPECT_EQ(options.content, model::Content::all);
  EXPECT_EQ(options.depth, std::nullopt);
  EXPECT_EQ(options.with_defaults, model::WithDefaults::report_all);
  EXPECT_EQ(options.format, model::Format::json);

  get("/restconf/data?content=nonconfig&depth=65535&with-defaults=report-all-tagged", {{"Accept", yang_xml}});
  EXPECT_EQ(path, "");
  EXPECT_EQ(options.content, model::Content::nonconfig);
  EXPECT_EQ(options.depth, 65535U);
  EXPECT_EQ(options.with_defaults, model::WithDefaults::report_all_tagged);
  EXPECT_EQ(options.format, model::Format::xml);

  get("/restconf/data/?with-defaults=tr%69m&content=config&depth=unbounded");
  EXPECT_EQ(path, "");
  EXPECT_EQ(options.content, model::Content::config);
  EXPECT_EQ(options.with_defaults, model::WithDefaults::trim);
  EXPECT_EQ(options.depth, std::nullopt);

  get("http://localhost/restconf/data/" + bridge + "/?with-defaults=explicit");
  EXPECT_EQ(path, bridge);
  EXPECT_EQ(options.with_defaults, model::WithDefaults::explicit_);
}

TEST_F(RestconfTest, BadQueryParameters) {
  for (const auto* query :
       {"depth=0", "depth=65536", "depth=-1", "depth=1x", "depth=", "depth", "depth=+1", "content=x", "content=ALL",
        "with-defaults=basic", "depth=1&depth=1", "content=all&depth=2&content=all", "fields=name", "filter=/x",
        "insert=first", "Depth=1", "=", "depth=unbounded&depth=2"}) {
    expect_error(get("/restconf/data?" + std::string(query)), 400, "invalid-value");
  }
  EXPECT_EQ(get("/restconf/data?").status, 200);
}

TEST_F(RestconfTest, QueryParametersOfOtherMethods) {
  controller_.on_edit = [](const auto&, const auto&) -> Result<service::EditReply> {
    ADD_FAILURE() << "reached the controller";
    return service::EditReply{};
  };
  for (const auto* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    expect_error(ask(method, "/restconf/data/" + bridge + "?depth=1", {}, "{}"), 400, "invalid-value");
    expect_error(ask(method, "/restconf/data/" + bridge + "?insert=first", {}, "{}"), 501, "operation-not-supported");
    expect_error(ask(method, "/restconf/data/" + bridge + "?point=x", {}, "{}"), 501, "operation-not-supported");
  }
}

TEST_F(RestconfTest, NotFoundOnRead) {
  controller_.on_read = [](const auto&, const auto&) -> Result<service::ReadReply> {
    return tl::unexpected<Error>(Error{ErrorCode::not_found, "there is no cube sb1", bridge, {}});
  };
  expect_error(get("/restconf/data/" + bridge), 404, "invalid-value");
  expect_error(get("/restconf/data/nonsense:x"), 404, "unknown-element");
  expect_error(get("/restconf/data/" + bridge + "/nonsense"), 404, "unknown-element");
  expect_error(get("/restconf/data/%zz"), 400, "malformed-message");
}

TEST_F(RestconfTest, EntityTagOfConfigurationIsItsRevision) {
  controller_.on_read = [](const auto&, const auto&) { return service::ReadReply{"{}", "r7"}; };
  EXPECT_EQ(header(get("/restconf/data?content=config"), "ETag"), "\"r7\"");
  EXPECT_EQ(get("/restconf/data?content=config", {{"If-None-Match", "\"r7\""}}).status, 304);
  EXPECT_EQ(get("/restconf/data?content=config", {{"If-None-Match", "\"r6\""}}).status, 200);
  expect_error(get("/restconf/data", {{"If-None-Match", "r7"}}), 400, "invalid-value");
}

TEST_F(RestconfTest, StateIsNeverHiddenByNotModified) {
  std::string body = "{\"packets\":1}";
  controller_.on_read = [&](const auto&, const auto&) { return service::ReadReply{body, "r7"}; };
  const auto tag = header(get("/restconf/data"), "ETag");
  const auto same = get("/restconf/data", {{"If-None-Match", tag}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(header(same, "ETag"), tag);
  EXPECT_THAT(same.body, IsEmpty());
  body = "{\"packets\":2}";
  EXPECT_EQ(get("/restconf/data", {{"If-None-Match", tag}}).status, 200);
}

TEST_F(RestconfTest, IfMatchOnRead) {
  controller_.on_read = [](const auto&, const auto&) { return service::ReadReply{"{}", "r7"}; };
  EXPECT_EQ(get("/restconf/data", {{"If-Match", "\"r7\""}}).status, 200);
  EXPECT_EQ(get("/restconf/data", {{"If-Match", header(get("/restconf/data"), "ETag")}}).status, 200);
  EXPECT_EQ(get("/restconf/data", {{"If-Match", "*"}}).status, 200);
  expect_error(get("/restconf/data", {{"If-Match", "\"r6\""}}), 412, "operation-failed");
  expect_error(get("/restconf/data", {{"If-Match", "W/\"r7\""}}), 412, "operation-failed");
}

// ---- media types -----------------------------------------------------------------------------------------------------

TEST_F(RestconfTest, AcceptDecidesTheEncoding) {
  const auto type = [&](const Headers& headers) { return header(get("/restconf", headers), "Content-Type"); };
  EXPECT_EQ(type({}), yang_json);
  EXPECT_EQ(type({{"Accept", "*/*"}}), yang_json);
  EXPECT_EQ(type({{"Accept", "application/*"}}), yang_json);
  EXPECT_EQ(type({{"accept", "application/yang-data+xml"}}), yang_xml);
  EXPECT_EQ(type({{"Accept", "application/yang-data+xml;q=0.5, application/yang-data+json;q=0.4"}}), yang_xml);
  EXPECT_EQ(type({{"Accept", "application/yang-data+xml;q=0.5, */*"}}), yang_json);
  EXPECT_EQ(type({{"Accept", "application/yang-data+json;q=0, */*"}}), yang_xml);
  EXPECT_EQ(type({{"Accept", "application/json"}}), "application/json");
  EXPECT_EQ(type({{"Accept", "text/html, application/json;q=0.9"}}), "application/json");
  EXPECT_EQ(type({{"Accept", "TEXT/JSON"}}), "text/json");
  EXPECT_EQ(type({{"Accept", "text/html"}, {"Accept", "application/yang-data+xml"}}), yang_xml);
}

TEST_F(RestconfTest, NotAcceptable) {
  for (const auto* accept : {"text/html", "application/xml", "application/yang-data+json;q=0", "*/*;q=0", "nonsense",
                             "application/yang-data+json;q=2", "application/yang-data+json;q=nan"}) {
    expect_error(get("/restconf/data", {{"Accept", accept}}), 406, "invalid-value");
  }
  controller_.on_edit = [](const auto&, const auto&) -> Result<service::EditReply> {
    ADD_FAILURE() << "reached the controller";
    return service::EditReply{};
  };
  expect_error(ask("DELETE", "/restconf/data/" + bridge, {{"Accept", "text/html"}}), 406, "invalid-value");
}

TEST_F(RestconfTest, ContentTypeDecidesTheFormat) {
  model::Edit edit;
  controller_.on_edit = [&](const auto& asked, const auto&) {
    edit = asked;
    return service::EditReply{};
  };
  const auto put = [&](const Headers& headers) {
    return ask("PUT", "/restconf/data/" + bridge, headers, "body").status;
  };
  for (const auto* type : {"application/yang-data+json", "Application/JSON; charset=UTF-8", "text/json", ""}) {
    edit.format = model::Format::xml;
    EXPECT_EQ(put({{"Content-Type", type}}), 204) << type;
    EXPECT_EQ(edit.format, model::Format::json) << type;
  }
  EXPECT_EQ(put({}), 204);
  EXPECT_EQ(put({{"Content-Type", "application/yang-data+xml"}}), 204);
  EXPECT_EQ(edit.format, model::Format::xml);
  for (const auto* type : {"text/plain", "application/xml", "application/yang-patch+json",
                           "application/json; charset=latin1", "application/x-www-form-urlencoded", ";"}) {
    expect_error(ask("PUT", "/restconf/data/" + bridge, {{"Content-Type", type}}, "{}"), 415, "invalid-value");
  }
}

// ---- edits -----------------------------------------------------------------------------------------------------------

TEST_F(RestconfTest, MethodsReachTheController) {
  model::Edit edit;
  controller_.on_edit = [&](const auto& asked, const auto& match) {
    edit = asked;
    EXPECT_THAT(match, IsEmpty());
    return service::EditReply{asked.method == model::Method::post, "simplebridge:simplebridge=a%2Fb", "r9"};
  };
  const auto created = ask("POST", "/restconf/data", {}, "{1}");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(header(created, "Location"), "/restconf/data/simplebridge:simplebridge=a%2Fb");
  EXPECT_EQ(header(created, "ETag"), "\"r9\"");
  EXPECT_THAT(created.body, IsEmpty());
  EXPECT_EQ(edit.method, model::Method::post);
  EXPECT_EQ(edit.path, "");
  EXPECT_EQ(edit.body, "{1}");

  for (const auto& [name, method] : {std::pair{"PUT", model::Method::put}, {"PATCH", model::Method::patch}}) {
    const auto response = ask(name, "/restconf/data/" + bridge + "/", {}, "{2}");
    EXPECT_EQ(response.status, 204);
    EXPECT_EQ(header(response, "Location"), "(absent)");
    EXPECT_EQ(header(response, "ETag"), "\"r9\"");
    EXPECT_EQ(edit.method, method);
    EXPECT_EQ(edit.path, bridge);
    EXPECT_EQ(edit.body, "{2}");
  }
  EXPECT_EQ(ask("DELETE", "/restconf/data/" + bridge, {{"Content-Type", "text/plain"}}, "ignored").status, 204);
  EXPECT_EQ(edit.method, model::Method::remove);
  EXPECT_EQ(edit.body, "");
}

TEST_F(RestconfTest, PutThatCreates) {
  controller_.on_edit = [](const auto&, const auto&) { return service::EditReply{true, "", "r9"}; };
  EXPECT_EQ(ask("PUT", "/restconf/data/" + bridge, {}, "{}").status, 201);
}

TEST_F(RestconfTest, PostOfSeveralHasNoLocation) {
  controller_.on_edit = [](const auto&, const auto&) { return service::EditReply{true, "", "r9"}; };
  const auto response = ask("POST", "/restconf/data", {}, "{}");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(header(response, "Location"), "(absent)");
}

TEST_F(RestconfTest, EditsNeedABody) {
  for (const auto* method : {"POST", "PUT", "PATCH"}) {
    expect_error(ask(method, "/restconf/data/" + bridge), 400, "malformed-message");
  }
}

TEST_F(RestconfTest, AllowedMethods) {
  const auto options = ask("OPTIONS", "/restconf/data/" + bridge);
  EXPECT_EQ(options.status, 200);
  EXPECT_EQ(header(options, "Allow"), "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE");
  EXPECT_EQ(header(options, "Accept-Patch"), "application/yang-data+json, application/yang-data+xml");
  EXPECT_EQ(header(ask("OPTIONS", "/restconf/data"), "Allow"), "GET, HEAD, OPTIONS, POST, PUT, PATCH");
  expect_error(ask("DELETE", "/restconf/data"), 405, "operation-not-supported");

  const auto state = ask("OPTIONS", "/restconf/data/polycube:cubes");
  EXPECT_EQ(header(state, "Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(header(state, "Accept-Patch"), "(absent)");
  for (const auto* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    const auto refused = ask(method, "/restconf/data/polycube:cubes", {}, "{}");
    expect_error(refused, 405, "operation-not-supported");
    EXPECT_EQ(header(refused, "Allow"), "GET, HEAD, OPTIONS");
  }
  expect_error(ask("BREW", "/restconf/data/" + bridge), 405, "operation-not-supported");
  expect_error(ask("PUT", "/restconf/data/nonsense:x", {}, "{}"), 400, "unknown-element");
}

TEST_F(RestconfTest, IfMatchIsPassedOn) {
  std::vector<std::string> match;
  controller_.on_edit = [&](const auto&, const auto& asked) {
    match = asked;
    return service::EditReply{};
  };
  const auto put = [&](const std::string& tags) {
    return ask("PUT", "/restconf/data/" + bridge, {{"If-Match", tags}}, "{}");
  };
  EXPECT_EQ(put("\"r1\", \"r,2\"").status, 204);
  EXPECT_THAT(match, ElementsAre("r1", "r,2"));
  EXPECT_EQ(put("*").status, 204);
  EXPECT_THAT(match, ElementsAre("*"));
  EXPECT_EQ(put(header(get("/restconf/data"), "ETag")).status, 204);
  EXPECT_THAT(match, ElementsAre("r1"));
  EXPECT_EQ(put("W/\"a\", \"b\"").status, 204);
  EXPECT_THAT(match, ElementsAre("b"));
  match.clear();
  expect_error(put("W/\"r1\""), 412, "operation-failed");
  expect_error(put("r1"), 400, "invalid-value");
  expect_error(put(""), 400, "invalid-value");
  expect_error(put("\"r1"), 400, "invalid-value");
  expect_error(put("\"r1\" \"r2\""), 400, "invalid-value");
  EXPECT_THAT(match, IsEmpty());
}

TEST_F(RestconfTest, IfNoneMatchStarOnlyCreates) {
  bool present = true;
  std::vector<std::string> match;
  controller_.on_read = [&](const auto& path, const auto& options) -> Result<service::ReadReply> {
    EXPECT_EQ(path, bridge) << "only the resource itself is looked at";
    EXPECT_EQ(options.content, model::Content::config);
    EXPECT_EQ(options.depth, 1u);
    if (present) return service::ReadReply{"{}", "r5"};
    return fail(ErrorCode::not_found, "no");
  };
  controller_.on_revision = [] { return "r5"; };
  controller_.on_edit = [&](const auto&, const auto& asked) {
    match = asked;
    return service::EditReply{true, "", "r6"};
  };
  const Headers star = {{"If-None-Match", "*"}};
  expect_error(ask("PUT", "/restconf/data/" + bridge, star, "{}"), 412, "operation-failed");
  EXPECT_THAT(match, IsEmpty());
  present = false;
  EXPECT_EQ(ask("PUT", "/restconf/data/" + bridge, star, "{}").status, 201);
  EXPECT_THAT(match, ElementsAre("r5"));
  expect_error(ask("PUT", "/restconf/data/" + bridge, {{"If-None-Match", "*"}, {"If-Match", "*"}}, "{}"), 412,
               "operation-failed");
}

TEST_F(RestconfTest, IfNoneMatchIsTriedAgainWhenTheConfigurationMoves) {
  int revision = 1;
  int attempts = 0;
  controller_.on_read = [](const auto&, const auto&) -> Result<service::ReadReply> {
    return fail(ErrorCode::not_found, "no");
  };
  controller_.on_revision = [&] { return std::to_string(revision); };
  controller_.on_edit = [&](const auto&, const auto& match) -> Result<service::EditReply> {
    if (++attempts < 3) ++revision;  // someone else was faster
    if (match.at(0) != std::to_string(revision)) return fail(ErrorCode::precondition_failed, "moved");
    return service::EditReply{true, "", "x"};
  };
  EXPECT_EQ(ask("PUT", "/restconf/data/" + bridge, {{"If-None-Match", "*"}}, "{}").status, 201);
  EXPECT_EQ(attempts, 3);
}

TEST_F(RestconfTest, IfNoneMatchWithATagExcludesThatRevision) {
  controller_.on_revision = [] { return "r5"; };
  const auto put = [&](const std::string& tag) {
    return ask("PUT", "/restconf/data/" + bridge, {{"If-None-Match", tag}}, "{}").status;
  };
  EXPECT_EQ(put("\"r5\""), 412);
  EXPECT_EQ(put("W/\"r5\""), 412);
  EXPECT_EQ(put("\"r4\""), 204);
}

// ---- operations ------------------------------------------------------------------------------------------------------

TEST_F(RestconfTest, OperationsAreListed) {
  const auto list = json::parse(get("/restconf/operations").body).at("ietf-restconf:operations");
  for (const auto* name : {"connect", "disconnect", "attach", "detach"}) {
    EXPECT_EQ(list.at("polycube:" + std::string(name)), json::array({nullptr})) << name;
  }
  EXPECT_THAT(get("/restconf/operations", {{"Accept", yang_xml}}).body, HasSubstr("<connect xmlns=\"urn:polycube\"/>"));
}

TEST_F(RestconfTest, RpcIsInvoked) {
  std::string asked;
  std::string output;
  controller_.on_rpc = [&](const auto& rpc, const auto& body, model::Format format) {
    asked = rpc + "|" + body + "|" + (format == model::Format::xml ? "xml" : "json");
    return output;
  };
  const auto without = ask("POST", "/restconf/operations/polycube:connect", {}, "{x}");
  EXPECT_EQ(without.status, 204);
  EXPECT_EQ(asked, "polycube:connect|{x}|json");
  output = "<output/>";
  const auto with = ask("POST", "/restconf/operations/polycube:connect/", {{"Content-Type", yang_xml}}, "<input/>");
  EXPECT_EQ(with.status, 200);
  EXPECT_EQ(with.body, "<output/>");
  EXPECT_EQ(header(with, "Content-Type"), yang_xml);
  EXPECT_EQ(asked, "polycube:connect|<input/>|xml");
  ask("POST", "/restconf/operations/polycube:connect", {{"Accept", yang_xml}});
  EXPECT_EQ(asked, "polycube:connect||xml");
  // What the client prefers cannot be had for this input, but what can is acceptable, too.
  const auto second =
      ask("POST", "/restconf/operations/polycube:connect", {{"Accept", "application/yang-data+xml, */*;q=0.1"}}, "{}");
  EXPECT_EQ(header(second, "Content-Type"), yang_json);
  expect_error(
      ask("POST", "/restconf/operations/polycube:connect", {{"Accept", yang_json}, {"Content-Type", yang_xml}}, "<x/>"),
      406, "invalid-value");
}

TEST_F(RestconfTest, OperationResourceHasOnlyPost) {
  for (const auto* method : {"GET", "HEAD", "PUT", "PATCH", "DELETE"}) {
    const auto response = ask(method, "/restconf/operations/polycube:connect", {}, "{}");
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(header(response, "Allow"), "POST, OPTIONS");
  }
  EXPECT_EQ(header(ask("OPTIONS", "/restconf/operations/polycube:connect"), "Allow"), "POST, OPTIONS");
  expect_error(ask("POST", "/restconf/operations/polycube:nonsense", {}, "{}"), 404, "invalid-value");
  expect_error(ask("POST", "/restconf/operations/connect", {}, "{}"), 404, "invalid-value");
  expect_error(ask("POST", "/restconf/operations/polycube:connect?depth=1", {}, "{}"), 400, "invalid-value");
  expect_error(ask("POST", "/restconf/operations/polycube:connect", {{"Content-Type", "text/plain"}}, "{}"), 415,
               "invalid-value");
}

TEST_F(RestconfTest, ActionIsInvoked) {
  std::string path;
  controller_.on_action = [&](const auto& asked, const auto&, auto) {
    path = asked;
    return std::string("{\"simplebridge:output\":{\"flushed\":true}}");
  };
  controller_.on_edit = [](const auto&, const auto&) -> Result<service::EditReply> {
    ADD_FAILURE() << "an action is no edit";
    return service::EditReply{};
  };
  const auto response = ask("POST", "/restconf/data/" + bridge + "/fdb/flush");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(path, bridge + "/fdb/flush");
  EXPECT_THAT(response.body, HasSubstr("flushed"));
  EXPECT_EQ(header(response, "Content-Type"), yang_json);
  const auto get_action = get("/restconf/data/" + bridge + "/fdb/flush");
  expect_error(get_action, 405, "operation-not-supported");
  EXPECT_EQ(header(get_action, "Allow"), "POST, OPTIONS");
}

// ---- errors ----------------------------------------------------------------------------------------------------------

TEST_F(RestconfTest, ErrorsByTheTable) {
  struct Row {
    ErrorCode code;
    std::string tag;
    int edit;
    int read;
  };
  for (const auto& row : std::vector<Row>{{ErrorCode::malformed_message, "malformed-message", 400, 400},
                                          {ErrorCode::invalid_value, "invalid-value", 400, 400},
                                          {ErrorCode::unknown_element, "unknown-element", 400, 404},
                                          {ErrorCode::missing_element, "missing-element", 400, 400},
                                          {ErrorCode::data_exists, "data-exists", 409, 409},
                                          {ErrorCode::data_missing, "data-missing", 409, 409},
                                          {ErrorCode::not_found, "invalid-value", 404, 404},
                                          {ErrorCode::in_use, "in-use", 409, 409},
                                          {ErrorCode::limit_exceeded, "too-big", 400, 400},
                                          {ErrorCode::access_denied, "access-denied", 403, 403},
                                          {ErrorCode::operation_not_supported, "operation-not-supported", 501, 501},
                                          {ErrorCode::precondition_failed, "operation-failed", 412, 412},
                                          {ErrorCode::unsupported_feature, "operation-failed", 500, 500},
                                          {ErrorCode::verifier_rejected, "operation-failed", 500, 500},
                                          {ErrorCode::system, "operation-failed", 500, 500}}) {
    controller_.on_edit = [&](const auto&, const auto&) { return fail(row.code, "why"); };
    controller_.on_read = [&](const auto&, const auto&) { return fail(row.code, "why"); };
    expect_error(ask("PUT", "/restconf/data/" + bridge, {}, "{}"), row.edit, row.tag);
    expect_error(get("/restconf/data/" + bridge), row.read, row.tag);
  }
}

TEST_F(RestconfTest, ErrorPathIsAnInstanceIdentifier) {
  std::string path;
  controller_.on_edit = [&](const auto&, const auto&) -> Result<service::EditReply> {
    return tl::unexpected<Error>(Error{ErrorCode::invalid_value, "why", path, {}});
  };
  const auto error_path = [&](const std::string& api_path) {
    path = api_path;
    return error_of(ask("PUT", "/restconf/data/" + bridge, {}, "{}")).value("error-path", "(absent)");
  };
  EXPECT_EQ(error_path(bridge + "/fdb/entry=02%3A00%3A00%3A00%3A00%3A01/port"),
            "/simplebridge:simplebridge[name='sb1']/fdb/entry[address='02:00:00:00:00:01']/port");
  EXPECT_EQ(error_path("simplebridge:simplebridge=it%27s"), "/simplebridge:simplebridge[name=\"it's\"]");
  EXPECT_EQ(error_path(bridge + "/nonsense=1/x"), "/simplebridge:simplebridge[name='sb1']/nonsense/x");
  EXPECT_EQ(error_path("nonsense:nonsense=1"), "/nonsense:nonsense");
  EXPECT_EQ(error_path("polycube:cubes/cube=c1"), "/polycube:cubes/cube[name='c1']");
  EXPECT_EQ(error_path(""), "(absent)");
}

TEST_F(RestconfTest, ErrorsInXml) {
  controller_.on_edit = [](const auto&, const auto&) -> Result<service::EditReply> {
    return tl::unexpected<Error>(
        Error{ErrorCode::verifier_rejected, "a < b & \"c\" \x01 \xff", bridge + "/ports=p%2F1", "R1 invalid"});
  };
  const auto response = ask("PUT", "/restconf/data/" + bridge, {{"Accept", yang_xml}}, "{}");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(header(response, "Content-Type"), yang_xml);
  EXPECT_EQ(
      response.body,
      "<errors xmlns=\"urn:ietf:params:xml:ns:yang:ietf-restconf\"><error><error-type>application</error-type>"
      "<error-tag>operation-failed</error-tag>"
      "<error-path xmlns:simplebridge=\"urn:polycube:simplebridge\">"
      "/simplebridge:simplebridge[simplebridge:name='sb1']/simplebridge:ports[simplebridge:name='p/1']</error-path>"
      "<error-message>a &lt; b &amp; &quot;c&quot; ? \xef\xbf\xbd</error-message>"
      "<error-info><verifier-log xmlns=\"urn:polycube\">R1 invalid</verifier-log></error-info></error></errors>");
}

TEST_F(RestconfTest, ErrorsFollowTheRequestWithoutAccept) {
  controller_.on_edit = [](const auto&, const auto&) { return fail(ErrorCode::invalid_value, "why"); };
  const auto response = ask("PUT", "/restconf/data/" + bridge, {{"Content-Type", yang_xml}}, "<x/>");
  EXPECT_EQ(header(response, "Content-Type"), yang_xml);
}

TEST_F(RestconfTest, VerifierLogIsInErrorInfo) {
  controller_.on_edit = [](const auto&, const auto&) -> Result<service::EditReply> {
    return tl::unexpected<Error>(Error{ErrorCode::verifier_rejected, "refused", {}, "R1 invalid\nline 2"});
  };
  const auto error = error_of(ask("PUT", "/restconf/data/" + bridge, {}, "{}"));
  EXPECT_EQ(error.at("error-info").at("polycube:verifier-log"), "R1 invalid\nline 2");
}

TEST_F(RestconfTest, MessagesThatAreNotUtf8MakeValidBodies) {
  controller_.on_edit = [](const auto&, const auto&) -> Result<service::EditReply> {
    return tl::unexpected<Error>(Error{ErrorCode::invalid_value, "bad \xff\xfe", {}, {}});
  };
  EXPECT_EQ(error_of(ask("PUT", "/restconf/data/" + bridge, {}, "{}")).at("error-message"),
            "bad \xef\xbf\xbd\xef\xbf\xbd");
  expect_error(get("/\xff\xfe"), 404, "invalid-value");
  expect_error(get("/restconf/data?\xff=1"), 400, "invalid-value");
}

TEST_F(RestconfTest, ExceptionsBecomeErrors) {
  controller_.on_edit = [](const auto&, const auto&) -> Result<service::EditReply> { throw std::bad_alloc(); };
  expect_error(ask("PUT", "/restconf/data/" + bridge, {}, "{}"), 500, "operation-failed");
}

TEST_F(RestconfTest, WebPagesAreRefused) {
  controller_.on_edit = [](const auto&, const auto&) -> Result<service::EditReply> {
    ADD_FAILURE() << "reached the controller";
    return service::EditReply{};
  };
  expect_error(ask("PUT", "/restconf/data/" + bridge, {{"Origin", "http://evil.example"}}, "{}"), 403, "access-denied");
}

TEST_F(RestconfTest, TransportErrorsFollowAccept) {
  const auto response =
      transport_error({"POST", "/x", {{"Accept", yang_xml}}, {}}, 413, ErrorCode::limit_exceeded, "big");
  EXPECT_EQ(response.status, 413);
  EXPECT_THAT(response.body, HasSubstr("<error-tag>too-big</error-tag>"));
}

// ---- metrics and events ----------------------------------------------------------------------------------------------

TEST_F(RestconfTest, MetricsInTheFormatThatIsAskedFor) {
  controller_.on_metrics = [] {
    service::Metrics metrics;
    metrics.family("polycube_a", service::MetricFamily::Type::counter, "Help.", "a").add({{"cube", "c"}}, 1);
    return metrics;
  };
  const auto plain = get("/metrics");
  EXPECT_EQ(header(plain, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(plain.body, HasSubstr("polycube_a_total{cube=\"c\"} 1\n"));
  const auto open = get("/metrics", {{"Accept", "application/openmetrics-text; version=1.0.0"}});
  EXPECT_EQ(header(open, "Content-Type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(open.body.ends_with("# EOF\n"));
  EXPECT_THAT(get("/polycube/v1/metrics").body, HasSubstr("a{cubeName=\"c\"} 1\n"));
  expect_error(ask("POST", "/metrics"), 405, "operation-not-supported");
  expect_error(get("/metrics?x=y"), 400, "invalid-value");
  controller_.on_metrics = [] { return fail(ErrorCode::system, "no table"); };
  expect_error(get("/metrics"), 500, "operation-failed");
}

TEST_F(RestconfTest, RequestsAreCountedButNotByWhatClientsMakeUp) {
  get("/restconf");
  get("/nothing");
  ask("BREW", "/restconf");
  const auto body = get("/metrics").body;
  EXPECT_THAT(body, HasSubstr("polycube_api_requests_total{method=\"GET\",code=\"2xx\"} 1\n"));
  EXPECT_THAT(body, HasSubstr("polycube_api_requests_total{method=\"GET\",code=\"4xx\"} 1\n"));
  EXPECT_THAT(body, HasSubstr("polycube_api_requests_total{method=\"other\",code=\"4xx\"} 1\n"));
  EXPECT_THAT(body, HasSubstr("polycube_api_request_duration_seconds_count 3\n"));
}

TEST_F(RestconfTest, EventsAreAStream) {
  const std::string path = "/restconf/streams/NETCONF";
  auto response = get(path, {{"Accept", "text/event-stream"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "text/event-stream");
  ASSERT_NE(response.stream, nullptr);
  EXPECT_THAT(response.stream->next().value(), testing::StartsWith(":"));
  EXPECT_EQ(response.stream->next(), "");
  controller_.events.publish({"fault", {{"kind", "table-full"}, {"subject", "a\"b"}}});
  const auto message = response.stream->next().value();
  ASSERT_TRUE(message.starts_with("data: ") && message.ends_with("}\n\n")) << message;
  const auto notification = json::parse(message.substr(6)).at("ietf-restconf:notification");
  EXPECT_EQ(notification.at("polycube:fault").at("subject"), "a\"b");
  EXPECT_THAT(notification.at("eventTime").get<std::string>(), testing::EndsWith("Z"));
  controller_.events.close();
  EXPECT_THAT(response.stream->next().value(), HasSubstr("stops"));
  EXPECT_EQ(response.stream->next(), std::nullopt);
  expect_error(get(path), 500, "operation-failed");
}

TEST_F(RestconfTest, StreamsThatCannotBe) {
  const std::string path = "/restconf/streams/NETCONF";
  expect_error(get(path + "?filter=x"), 501, "operation-not-supported");
  expect_error(get(path + "?start-time=2026-01-01T00:00:00Z"), 501, "operation-not-supported");
  EXPECT_EQ(get(path, {{"Accept", "application/json"}}).status, 406);
  expect_error(ask("POST", path), 405, "operation-not-supported");
  expect_error(get("/restconf/streams/other"), 404, "invalid-value");
  EXPECT_EQ(ask("HEAD", path).stream, nullptr);
  std::vector<HttpResponse> all;
  for (std::size_t i = 0; i < service::Events::max_subscribers; i++) all.push_back(get(path));
  expect_error(get(path), 503, "too-big");
  all.clear();
  EXPECT_EQ(get(path).status, 200);
}

}  // namespace
}  // namespace polycube::api
