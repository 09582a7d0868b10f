// SPDX-License-Identifier: Apache-2.0
/// polycubectl against a server of canned answers on a Unix socket.
#include "cli/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "cli/test_schema.h"

namespace polycube::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class FakeDaemon {
 public:
  FakeDaemon()
      : path_(std::filesystem::temp_directory_path() / ("polycubectl-" + std::to_string(::getpid()) + ".sock")) {
    std::filesystem::remove(path_);
    server_.set_address_family(AF_UNIX);
    const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    };
    server_.Get(".*", handler).Post(".*", handler).Patch(".*", handler).Put(".*", handler).Delete(".*", handler);
    thread_ = std::thread([this] { server_.listen(path_.string(), 80); });
    while (!server_.is_running() || !std::filesystem::exists(path_)) std::this_thread::yield();
    when("GET /polycube/schema", 200, test_schema_text());
    when("GET /restconf/data/polycube:cubes/cube=r1/service-name", 200, R"({"polycube:service-name":"router"})");
  }
  ~FakeDaemon() {
    server_.stop();
    thread_.join();
    std::filesystem::remove(path_);
  }

  /// `request` without query; anything else is answered with 404.
  void when(const std::string& request, int status, const std::string& body) { answers_[request] = {status, body}; }

  [[nodiscard]] std::vector<std::string> requests() const { return requests_; }
  [[nodiscard]] Settings settings() const {
    Settings settings;
    settings.url = "http+unix://" + path_.string();
    return settings;
  }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(mutex_);
    // The target is what went over the wire: keys must still be encoded.
    const auto line = request.method + " " + request.target.substr(0, request.target.find('?'));
    if (line != "GET /polycube/schema")
      requests_.push_back(request.method + " " + request.target + (request.body.empty() ? "" : " " + request.body));
    const auto found = answers_.find(line);
    response.status = found == answers_.end() ? 404 : found->second.first;
    response.set_content(found == answers_.end() ? std::string() : found->second.second, "application/yang-data+json");
  }

  std::filesystem::path path_;
  httplib::Server server_;
  std::thread thread_;
  std::mutex mutex_;
  std::map<std::string, std::pair<int, std::string>> answers_;
  std::vector<std::string> requests_;
};

class AppTest : public testing::Test {
 protected:
  Outcome run(const std::vector<std::string>& arguments) {
    const auto settings = daemon_.settings();
    const auto transport = connect_http(settings, parse_endpoint(settings).value());
    around_.version = "1.2.3";
    around_.read_input = [this](bool) -> Result<std::optional<std::string>> { return input_; };
    around_.sleep = [this](double seconds) {
      slept_ += seconds;
      daemon_.when("GET /restconf/data/polycube:cubes", 200, later_);
    };
    return cli::run(arguments, *transport, around_);
  }

  static std::string cubes(int packets) {
    return R"({"polycube:cubes":{"cube":[{"name":"r1","uuid":"u","service-name":"router","type":"TC","loglevel":"INFO","drops":"0",)"
           R"("ports":[{"name":"p1","uuid":"v","status":"UP","peer":"veth1","in-pkts":")" +
           std::to_string(packets) + R"(","in-octets":"0","out-pkts":"0","out-octets":"0"}]}]}})";
  }

  FakeDaemon daemon_;
  Surroundings around_;
  std::optional<std::string> input_;
  std::string later_;
  double slept_ = 0;
};

TEST_F(AppTest, SilentSuccess) {
  daemon_.when("POST /restconf/data", 201, "");
  const auto outcome = run({"router", "add", "r2"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.text, "");
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(daemon_.requests(), ElementsAre(R"(POST /restconf/data {"router:router":[{"name":"r2"}]})"));
}

TEST_F(AppTest, KeysArriveEncoded) {
  daemon_.when("DELETE /restconf/data/router:router=r1/route=10.0.0.0%2F8,a%2Cb", 204, "");
  EXPECT_EQ(run({"r1", "route", "del", "10.0.0.0/8", "a,b"}).code, 0);
}

TEST_F(AppTest, ALeafIsBareAndNumbersAreNumbers) {
  daemon_.when("GET /restconf/data/router:router=r1/ports=p1/peer", 200, R"({"router:peer":"veth1"})");
  EXPECT_EQ(run({"r1", "ports", "p1", "peer", "show"}).text, "veth1\n");
  daemon_.when("GET /restconf/data/router:router=r1/limits", 200,
               R"({"router:limits":{"bytes":"18446744073709551615"}})");
  EXPECT_EQ(run({"r1", "limits", "show", "-json"}).text, "{\n  \"bytes\": 18446744073709551615\n}\n");
}

TEST_F(AppTest, AnEntryIsUnwrapped) {
  daemon_.when("GET /restconf/data/router:router=r1", 200,
               R"({"router:router":[{"name":"r1","ports":[{"name":"p1"}]}]})");
  EXPECT_EQ(run({"r1", "show"}).text, "name: r1\n\nports:\n name\n p1\n\n");
}

TEST_F(AppTest, AnEmptyListIsNoErrorButAMissingCubeIs) {
  EXPECT_EQ(run({"r1", "route", "show"}).code, exit_refused);
  daemon_.when("GET /restconf/data/router:router=r1", 200, R"({"router:router":[{}]})");
  const auto outcome = run({"r1", "route", "show", "-json"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.text, "[]\n");
  EXPECT_EQ(run({"router", "show"}).code, 0);
}

TEST_F(AppTest, DeletingAllOfNothingSucceedsButNotInAMissingCube) {
  daemon_.when("DELETE /restconf/data/router:router=r1/route", 409, "data-missing");
  EXPECT_EQ(run({"r1", "route", "del"}).code, exit_refused);
  daemon_.when("GET /restconf/data/router:router=r1", 200, R"({"router:router":[{}]})");
  EXPECT_EQ(run({"r1", "route", "del"}).code, 0);
  daemon_.when("GET /restconf/data/router:router=r1/route", 200, R"({"router:route":[{}]})");
  EXPECT_EQ(run({"r1", "route", "del"}).error, "data-missing\n");  // refused for another reason
}

TEST_F(AppTest, RefusalsAreReadable) {
  daemon_.when(
      "POST /restconf/data", 409,
      R"({"ietf-restconf:errors":{"error":[{"error-type":"application","error-tag":"operation-failed",)"
      R"("error-path":"/router:router[name='r2']","error-message":"the kernel refused","error-info":{"polycube:verifier-log":"0: r0 = 1\n1: exit\n"}}]}})");
  const auto outcome = run({"router", "add", "r2"});
  EXPECT_EQ(outcome.code, exit_refused);
  EXPECT_EQ(outcome.error, "error: the kernel refused\n at /router:router[name='r2']\n0: r0 = 1\n1: exit\n");
  daemon_.when("POST /restconf/data", 400, "plain message\n");
  EXPECT_EQ(run({"router", "add", "r2"}).error, "plain message\n");
  daemon_.when("POST /restconf/data", 503, "");
  EXPECT_THAT(run({"router", "add", "r2"}).error, StartsWith("error: 503"));
}

TEST_F(AppTest, OfALogOfTheVerifierTheEnd) {
  Json log = "";
  for (int i = 1; i <= 250; ++i) log.get_ref<std::string&>() += fmt::format("{}: r0 = {}\n", i, i);
  const Json error{{"error-message", "f.bpf.c:3: `x = *p;`: R1 invalid mem access (check it)"},
                   {"error-info", {{"polycube:verifier-log", log}}}};
  daemon_.when("POST /restconf/data", 500, Json{{"ietf-restconf:errors", {{"error", Json::array({error})}}}}.dump());
  const auto text = run({"router", "add", "r2"}).error;
  EXPECT_THAT(text, StartsWith("error: f.bpf.c:3: `x = *p;`: R1 invalid mem access (check it)\n"
                               "The end of the verifier's log (20 of 250 lines; with -log all are printed):\n"
                               "231: r0 = 231\n"));
  EXPECT_THAT(text, HasSubstr("\n250: r0 = 250\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 22);
  for (const auto& line : {std::vector<std::string>{"router", "add", "r2", "-log"}, {"-log", "router", "add", "r2"}})
    EXPECT_THAT(run(line).error, HasSubstr("\n1: r0 = 1\n2: r0 = 2\n"));
}

TEST_F(AppTest, ExitCodes) {
  EXPECT_EQ(run({"r1", "show", "-nonsense"}).code, exit_syntax);
  EXPECT_EQ(run({"nosuch", "show"}).code, exit_refused);
  input_ = "a: [";
  EXPECT_EQ(run({"cubes", "add"}).code, exit_syntax);
  Settings nowhere;
  nowhere.url = "http+unix:///nowhere/at.sock";
  const auto transport = connect_http(nowhere, parse_endpoint(nowhere).value());
  const auto outcome = cli::run({"cubes", "show"}, *transport, around_);
  EXPECT_EQ(outcome.code, exit_transport);
  EXPECT_EQ(outcome.text, "");
  EXPECT_EQ(outcome.error,
            "Cannot contact the polycubed daemon at http+unix:///nowhere/at.sock Please verify that the daemon is "
            "running.\n");
}

TEST_F(AppTest, HelpWithoutADaemonStillNamesTheCommands) {
  Settings nowhere;
  nowhere.url = "http+unix:///nowhere/at.sock";
  const auto transport = connect_http(nowhere, parse_endpoint(nowhere).value());
  const auto outcome = cli::run({}, *transport, around_);
  EXPECT_EQ(outcome.code, exit_transport);
  EXPECT_THAT(outcome.text, HasSubstr("disconnect"));
  EXPECT_THAT(outcome.error, HasSubstr("Cannot contact"));
}

TEST_F(AppTest, MisspeltNamesAreAnsweredWithThoseThatAreThere) {
  daemon_.when("GET /restconf/data/polycube:cubes", 200, cubes(0));
  EXPECT_THAT(run({"r11", "show"}).error, HasSubstr("no cube of this name; did you mean r1?\n"));
  daemon_.when("GET /restconf/data/router:router", 200, R"({"router:router":[{"name":"r1"}]})");
  daemon_.when("GET /restconf/data/router:router=r1/ports", 200, R"({"router:ports":[{"name":"p1"},{"name":"x"}]})");
  EXPECT_THAT(run({"router", "del", "r11"}).error, StartsWith("error: 404 Not Found; did you mean r1?\n"));
  EXPECT_THAT(run({"r1", "ports", "p11", "peer", "show"}).error, HasSubstr("; did you mean p1?\n"));
  EXPECT_THAT(run({"router", "r11", "ports", "p1", "show"}).error, HasSubstr("; did you mean r1?\n"));
  for (const auto& [status, body] : {std::pair{409, "no; did you mean a?"}, {409, "no peer"}, {400, "no"}}) {
    daemon_.when("POST /restconf/data/router:router=r1", status, body);
    EXPECT_EQ(run({"r1", "ports", "add", "p11"}).error, std::string(body) + "\n")
        << "what is to be created is not missing";
  }
}

TEST_F(AppTest, AnActionPrintsItsOutput) {
  daemon_.when("POST /restconf/data/router:router=r1/chain=INGRESS/append", 200,
               R"({"router:output":{"id":3,"serial":"9"}})");
  EXPECT_EQ(run({"r1", "chain", "INGRESS", "append", "action=DROP"}).text, "id: 3\nserial: 9\n\n");
  EXPECT_THAT(daemon_.requests().back(), HasSubstr(R"({"router:input":{"action":"drop"}})"));
}

TEST_F(AppTest, ADocumentFromStandardInput) {
  daemon_.when("POST /restconf/data", 201, "");
  input_ = "- service-name: router\n  name: 1\n";
  EXPECT_EQ(run({"cubes", "add"}).code, 0);
  EXPECT_THAT(daemon_.requests().back(), HasSubstr(R"({"router:router":[{"name":"1"}]})"));
}

TEST_F(AppTest, ADocumentFromAFile) {
  const std::string name = std::filesystem::temp_directory_path() / ("polycubectl-" + std::to_string(::getpid()));
  daemon_.when("POST /restconf/data", 201, "");
  input_ = "- service-name: router\n  name: other\n";
  std::ofstream(name) << "- service-name: router\n  name: 1\n";
  for (const auto& line : {std::vector<std::string>{"cubes", "add", name}, {"cubes", "-f", name, "add"}}) {
    EXPECT_EQ(run(line).code, 0);
    EXPECT_THAT(daemon_.requests().back(), HasSubstr(R"({"router:router":[{"name":"1"}]})"));
  }
  EXPECT_EQ(run({"cubes", "add", "-f", "-"}).code, 0);
  EXPECT_THAT(daemon_.requests().back(), HasSubstr("other"));
  const auto before = daemon_.requests().size();
  std::ofstream(name) << "a: [";
  EXPECT_EQ(run({"router", "add", "r9", "-f", name}).code, exit_syntax);
  EXPECT_THAT(run({"router", "add", "r9", "-f", name}).error,
              StartsWith(name + ": The input is neither JSON nor YAML"));
  std::ofstream(name, std::ios::trunc).close();
  EXPECT_EQ(run({"router", "add", "r9", "-f", name}).error, "The file " + name + " holds no document\n");
  std::filesystem::remove(name);
  EXPECT_EQ(run({"cubes", "add", name}).error, "Cannot read the file " + name + ": No such file or directory\n");
  EXPECT_EQ(run({"cubes", "add", name}).code, exit_syntax);
  input_.reset();
  EXPECT_EQ(run({"router", "add", "r9", "-f", "-"}).error, "Standard input holds no document\n");
  EXPECT_EQ(daemon_.requests().size(), before) << "nothing of this was sent";
}

TEST_F(AppTest, ABrokenPackageIsNoUnknownWord) {
  daemon_.when("GET /restconf/data/polycube:services/service=bad/error", 200, R"({"polycube:error":"line 3: no }"})");
  const std::string message = "error: service bad cannot be used, its package is broken: line 3: no }\n";
  input_ = "- service-name: bad\n  name: x\n";
  for (const auto& line :
       {std::vector<std::string>{"bad", "add", "x"}, {"bad", "show"}, {"bad", "add", "?"}, {"cubes", "add"}}) {
    const auto outcome = run(line);
    EXPECT_EQ(outcome.code, exit_refused);
    EXPECT_EQ(outcome.error, message) << line[1];
    EXPECT_EQ(outcome.text, "");
  }
  EXPECT_THAT(run({"worse", "show"}).error, HasSubstr("Unknown word 'worse'"));
}

TEST_F(AppTest, CubesByServiceAndAsADocumentThatMakesThemAgain) {
  daemon_.when("GET /restconf/data/polycube:cubes", 200, cubes(0));
  EXPECT_EQ(run({"cubes", "show"}).text,
            "\nrouter:\n name  uuid  service-name  type  loglevel  drops  ports\n r1    u     router        TC    INFO "
            "     0      [1 items]\n\n");
  EXPECT_EQ(run({"cubes", "show", "-brief"}).text, "router: [1 items]\n\n");
  daemon_.when(
      "GET /restconf/data", 200,
      R"({"ietf-restconf:data":{"router:router":[{"name":"r1","service-name":"router","ports":[{"name":"10"}]}],"polycube:version":{}}})");
  const auto yaml = run({"cubes", "show", "-yaml"});
  EXPECT_EQ(yaml.text, "router:\n  - name: r1\n    service-name: router\n    ports:\n      - name: \"10\"\n");
  daemon_.when("POST /restconf/data", 201, "");
  input_ = yaml.text;
  EXPECT_EQ(run({"cubes", "add"}).code, 0);
  EXPECT_THAT(daemon_.requests().back(), HasSubstr(R"({"router:router":[{"name":"r1","ports":[{"name":"10"}]}]})"));
}

TEST_F(AppTest, ServicesAreShownAndNeverChanged) {
  daemon_.when("GET /restconf/data/polycube:services/service", 200,
               R"({"polycube:service":[{"name":"router","version":"1"}]})");
  EXPECT_EQ(run({"services", "show"}).text, "name    version\nrouter  1\n\n");
  daemon_.when("GET /restconf/data/polycube:services/service=router", 200,
               R"({"polycube:service":[{"name":"router"}]})");
  daemon_.when("GET /restconf/yang/router.yang", 200, "module router {\n}\n");
  EXPECT_THAT(run({"services", "show", "router"}).text, HasSubstr("datamodel: module router {\n}\n"));
  const auto refused = run({"services", "add", "type=lib", "uri=x", "name=y"});
  EXPECT_EQ(refused.code, exit_refused);
  EXPECT_THAT(refused.error, HasSubstr("discovered from their packages"));
}

TEST_F(AppTest, NetworkDevices) {
  daemon_.when("GET /restconf/data/polycube:netdevs/netdev", 200,
               R"({"polycube:netdev":[{"name":"eth0","addresses":["10.0.0.1/24","10.0.0.2/24"]},{"name":"lo"}]})");
  EXPECT_EQ(run({"netdevs"}).text, "name  addresses\neth0  10.0.0.1/24,10.0.0.2/24\nlo\n\n");
  daemon_.when("GET /restconf/data/polycube:netdevs/netdev=eth0", 200, R"({"polycube:netdev":[{"name":"eth0"}]})");
  EXPECT_EQ(run({"netdevs", "eth0", "show"}).text, "name: eth0\n\n");
}

TEST_F(AppTest, Version) {
  daemon_.when("GET /restconf/data/polycube:version", 200, R"({"polycube:version":{"polycubed":"4.5"}})");
  EXPECT_EQ(run({"version"}).text, "polycubectl:\n version: 1.2.3\npolycubed:\n version: 4.5\n\n");
  EXPECT_EQ(run({"version", "x"}).error, "Bad syntax, usage: version [show]\n");
  EXPECT_EQ(run({"version", "?"}).text, "There is not help for this command\n");
}

TEST_F(AppTest, TheTopologyIsDrawnOrListed) {
  daemon_.when("GET /restconf/data/polycube:cubes", 200, cubes(0));
  later_ = cubes(100);
  EXPECT_EQ(run({"topology"}).text, "veth1 --* p1 [r1 router TC]\n");
  EXPECT_EQ(slept_, 0);
  EXPECT_THAT(run({"topology", "show", "-json"}).text, StartsWith("[\n  {\n    \"name\": \"r1\""));
  EXPECT_EQ(run({"topology", "show", "-verbose", "-hide=uuid,loglevel,drops,ports.uuid"}).text,
            "name  service-name  type  name (ports)  status (ports)  peer (ports)  in-pkts (ports)  in-octets (ports)  "
            "out-pkts (ports)  out-octets (ports)\n"
            "r1    router        TC    p1            UP              veth1         0                0                  "
            "0                 0\n\n");
  EXPECT_EQ(run({"topology", "show", "nosuch"}).code, exit_refused);
  EXPECT_THAT(run({"topology", "-interval=0.5"}).text, HasSubstr("r1:p1"));
  EXPECT_EQ(slept_, 0.5);
  EXPECT_EQ(run({"topology", "r1", "-interval=none"}).text, run({"topology", "show", "r1", "-interval=none"}).text);
}

TEST_F(AppTest, CompletionAsksTheDaemon) {
  daemon_.when("GET /restconf/data/polycube:cubes", 200, cubes(0));
  daemon_.when("GET /restconf/data/polycube:netdevs", 200, R"({"polycube:netdevs":{"netdev":[{"name":"eth0"}]}})");
  daemon_.when("GET /restconf/data/router:router=r1/ports", 200, R"({"router:ports":[{"name":"p1"},{"name":"p2"}]})");
  EXPECT_EQ(run({"--complete", "r1", "ports", "show", "p"}).text, "p1\np2\n");
  EXPECT_EQ(run({"--complete", "connect", ""}).text, "eth0\nr1:p1\n");
  EXPECT_EQ(run({"--complete", "r1", "ports", "p1", "set", "peer=e"}).text, "peer=eth0\n");
  EXPECT_THAT(run({"?"}).text, HasSubstr("Cube of service router"));
}

}  // namespace
}  // namespace polycube::cli
