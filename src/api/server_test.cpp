// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <thread>

#include "api/event_stream.h"
#include "api/test_certificates.h"
#include "api/test_client.h"

namespace polycube::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view get = "GET /restconf HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A folder of its own for each test, removed afterwards.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    std::string name = (std::filesystem::temp_directory_path() / "polycube-api-XXXXXX").native();
    folder_ = ::mkdtemp(name.data());
    options_.socket = folder_ / "run" / "daemon.sock";
    options_.limits.for_root = 0;  // which all clients may be here
  }
  ~ServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(RequestHandler handler) {
    server_ = std::make_unique<Server>(std::move(handler), options_);
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void start() {
    start([](const HttpRequest& request) {
      return HttpResponse{200, {{"X-Target", request.target}}, request.method + ":" + request.body};
    });
  }
  void listen_on_tcp() {
    write_certificate(folder_ / "daemon.pem", "daemon");
    options_.tls = {folder_ / "daemon.pem", folder_ / "daemon.pem", folder_ / "daemon.pem"};
    options_.tcp = TcpAddress{"127.0.0.1", 0};
  }
  TestClient client() { return TestClient::to_unix(options_.socket.native()); }

  std::filesystem::path folder_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

/// Lets handlers wait until the test opens it.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

std::string post(std::string_view body) {
  return fmt::format("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
}

// ---- sockets ---------------------------------------------------------------------------------------------------------

TEST_F(ServerTest, SocketIsPrivateToOwnerAndGroupWhateverTheUmask) {
  std::array<char, 4096> buffer;
  ::group entry{};
  ::group* own = nullptr;
  ASSERT_EQ(::getgrgid_r(::getgid(), &entry, buffer.data(), buffer.size(), &own), 0);
  ASSERT_NE(own, nullptr);
  options_.group = own->gr_name;
  const auto mask = ::umask(0);
  start();
  struct stat status{};
  ASSERT_EQ(::stat(options_.socket.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0660U);
  server_->stop();
  ::umask(077);
  start();
  ASSERT_EQ(::stat(options_.socket.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0660U);
  ::umask(mask);
}

TEST_F(ServerTest, WithoutTheGroupTheSocketIsItsOwners) {
  for (const std::string group : {"", "no-such-group"}) {
    options_.group = group;
    start();
    struct stat status{};
    ASSERT_EQ(::stat(options_.socket.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
  }
}

TEST_F(ServerTest, StopRemovesTheSocketAndStartWorksAgain) {
  start();
  server_->stop();
  EXPECT_FALSE(std::filesystem::exists(options_.socket));
  const auto started = server_->start();
  ASSERT_TRUE(started);
  EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, StaleSocketIsReplaced) {
  std::filesystem::create_directories(options_.socket.parent_path());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, options_.socket.c_str(), options_.socket.native().size());
  {
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  start();
  EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, LiveSocketIsRefusedAndLeftAlone) {
  start();
  Server second([](const HttpRequest&) { return HttpResponse{}; }, options_);
  const auto result = second.start();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::in_use);
  EXPECT_THAT(result.error().message, HasSubstr("another daemon serves"));
  EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, FileThatIsNoSocketIsRefusedAndKept) {
  std::filesystem::create_directories(options_.socket.parent_path());
  std::ofstream(options_.socket) << "precious";
  Server server([](const HttpRequest&) { return HttpResponse{}; }, options_);
  const auto result = server.start();
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("is not a socket"));
  EXPECT_EQ(std::filesystem::file_size(options_.socket), 8U);
}

TEST_F(ServerTest, SocketOfSomeoneElseSurvivesStop) {
  start();
  std::filesystem::remove(options_.socket);
  std::ofstream(options_.socket) << "other";
  server_->stop();
  EXPECT_TRUE(std::filesystem::exists(options_.socket));
}

TEST_F(ServerTest, TheFolderOfTheSocketGoesWithIt) {
  start();
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run"));
  server_->stop();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
  std::filesystem::create_directory(folder_ / "run");
  ASSERT_TRUE(server_->start());
  server_->stop();
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run")) << "it was there before";
}

TEST_F(ServerTest, FoldersAboveThatOfTheSocketAreNotMade) {
  options_.socket = folder_ / "slip" / "run" / "daemon.sock";
  Server server([](const HttpRequest&) { return HttpResponse{}; }, options_);
  const auto result = server.start();
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("choose one in an existing folder"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "slip"));
}

TEST_F(ServerTest, AFolderMadeForNothingGoes) {
  options_.socket = folder_ / "run" / "daemon.sock";
  listen_on_tcp();
  options_.tcp->host = "192.0.2.1";  // of nobody (RFC 5737)
  Server server([](const HttpRequest&) { return HttpResponse{}; }, options_);
  ASSERT_FALSE(server.start());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(ServerTest, TooLongPathIsRefused) {
  options_.socket = folder_ / std::string(200, 'x');
  Server server([](const HttpRequest&) { return HttpResponse{}; }, options_);
  const auto result = server.start();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_value);
}

TEST_F(ServerTest, TcpNeedsTls) {
  options_.tcp = TcpAddress{"127.0.0.1", 0};
  Server server([](const HttpRequest&) { return HttpResponse{}; }, options_);
  const auto result = server.start();
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("certificate"));
}

TEST_F(ServerTest, WithoutTlsNothingIsAnsweredOverTcp) {
  listen_on_tcp();
  start();
  ASSERT_NE(server_->port(), 0);
  auto plain = TestClient::to_tcp(server_->port());
  EXPECT_THAT(plain.ask(get), Not(HasSubstr("HTTP")));
  EXPECT_TRUE(plain.closes());
  EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, HandshakeThatDoesNotComeIsCutOff) {
  options_.limits.receive_timeout = 1s;
  options_.limits.connections = 4;
  listen_on_tcp();
  start();
  std::vector<TestClient> silent;
  for (int i = 0; i < 4; ++i) silent.push_back(TestClient::to_tcp(server_->port()));
  silent.front().send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));  // the beginning of a ClientHello
  EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200")) << "one of them has to make room";
  for (auto& one : silent) EXPECT_TRUE(one.closes());
}

TEST_F(ServerTest, StrangersMakeRoomBeforeAllOthers) {
  options_.limits.connections = 4;
  listen_on_tcp();
  start();
  auto known = client();
  EXPECT_THAT(known.ask(get), StartsWith("HTTP/1.1 200"));
  std::vector<TestClient> strangers;
  for (int i = 0; i < 8; ++i) strangers.push_back(TestClient::to_tcp(server_->port()));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(strangers[i].closes()) << i;
  EXPECT_THAT(known.ask(get), StartsWith("HTTP/1.1 200")) << "it has waited longest, but it is known";
}

TEST_F(ServerTest, CertificatesAreReadAgain) {
  listen_on_tcp();
  start();
  EXPECT_TRUE(server_->reload_tls());
  std::filesystem::remove(options_.tls.certificate);
  EXPECT_FALSE(server_->reload_tls());
}

TEST_F(ServerTest, PortInUseIsRefusedAndNothingIsLeft) {
  listen_on_tcp();
  start();
  ServerOptions other = options_;
  other.socket = folder_ / "other.sock";
  other.tcp->port = server_->port();
  Server second([](const HttpRequest&) { return HttpResponse{}; }, other);
  const auto result = second.start();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::in_use);
  EXPECT_FALSE(std::filesystem::exists(other.socket));
}

TEST(TcpAddressTest, IsAnIpAddressAndAPort) {
  EXPECT_EQ(parse_tcp_address("127.0.0.1:9000")->port, 9000);
  EXPECT_EQ(parse_tcp_address("0.0.0.0:0")->host, "0.0.0.0");
  EXPECT_EQ(parse_tcp_address("[::]:80")->host, "::");
  EXPECT_EQ(parse_tcp_address("localhost:80")->host, "127.0.0.1");
  for (const auto* text : {"", "9000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:9x",
                           "::1:80", "host.example:80", "[]:1", ":80"}) {
    const auto result = parse_tcp_address(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_value) << text;
  }
}

// ---- requests --------------------------------------------------------------------------------------------------------

TEST_F(ServerTest, TargetReachesTheHandlerUndecoded) {
  start();
  const auto reply = client().ask("GET /a=10.0.0.0%2F24,%2C?x=%41 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(reply, HasSubstr("X-Target: /a=10.0.0.0%2F24,%2C?x=%41\r\n"));
}

TEST_F(ServerTest, EveryMethodReachesTheHandlerWithItsBody) {
  start();
  auto connection = client();
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE"}) {
    const auto with = connection.ask(method + " /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT_THAT(with, ::testing::EndsWith("\r\n\r\n" + method + ":{}"));
    const auto without = connection.ask(method + " /x HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(without, ::testing::EndsWith("\r\n\r\n" + method + ":"));
  }
  EXPECT_THAT(connection.ask("OPTIONS /x HTTP/1.1\r\nHost: h\r\n\r\n"), ::testing::EndsWith("OPTIONS:"));
  EXPECT_THAT(connection.ask("TRACE /x HTTP/1.1\r\nHost: h\r\n\r\n"), ::testing::EndsWith("TRACE:"));
}

TEST_F(ServerTest, HeadHasTheLengthButNotTheBody) {
  start();
  auto connection = client();
  connection.send("HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto reply = connection.receive();
  EXPECT_THAT(reply, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(reply, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, NoContentHasNoLength) {
  start([](const HttpRequest&) { return HttpResponse{204, {}, {}}; });
  const auto reply = client().ask(get);
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(reply, Not(HasSubstr("Content-Length")));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  auto connection = client();
  connection.send(post("one") + post("two") + std::string(get) + post("three"));
  EXPECT_THAT(connection.receive(), ::testing::EndsWith("POST:one"));
  EXPECT_THAT(connection.receive(), ::testing::EndsWith("POST:two"));
  EXPECT_THAT(connection.receive(), ::testing::EndsWith("GET:"));
  EXPECT_THAT(connection.receive(), ::testing::EndsWith("POST:three"));
}

TEST_F(ServerTest, ChunkedBodyIsJoined) {
  start();
  const auto reply = client().ask(
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(reply, ::testing::EndsWith("POST:abcde"));
}

TEST_F(ServerTest, ExpectContinueIsAnswered) {
  start();
  auto connection = client();
  connection.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(connection.receive(), StartsWith("HTTP/1.1 100"));
  EXPECT_THAT(connection.ask("{}"), ::testing::EndsWith("POST:{}"));
}

TEST_F(ServerTest, RangeIsIgnored) {
  start();
  const auto reply = client().ask("GET /x HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(reply, ::testing::EndsWith("GET:"));
}

// ---- bounds ----------------------------------------------------------------------------------------------------------

TEST_F(ServerTest, AnnouncedBodyBeyondTheLimitIsRefusedBeforeItIsRead) {
  options_.limits.body = 1000;
  start();
  auto connection = client();
  const auto reply = connection.ask("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(reply, HasSubstr("\"error-tag\":\"too-big\""));
  EXPECT_THAT(reply, HasSubstr("at most 1000"));
  EXPECT_THAT(client().ask(post(std::string(1000, 'a'))), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, RefusalReachesAClientThatSendsTheWholeBodyFirst) {
  options_.limits.body = 1000;
  start();
  auto over_unix = client();
  EXPECT_TRUE(over_unix.send(post(std::string(5'000'000, 'a'))));
  EXPECT_THAT(over_unix.receive(), StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, ChunkedBodyBeyondTheLimitIsRefused) {
  options_.limits.body = 1000;
  start();
  auto connection = client();
  connection.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 5; ++i) connection.send("100\r\n" + std::string(256, 'a') + "\r\n");
  const auto reply = connection.receive();
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(reply, HasSubstr("too-big"));
}

TEST_F(ServerTest, EndlessChunkExtensionIsRefused) {
  options_.limits.body = 1000;
  start();
  auto connection = client();
  connection.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(80'000, 'x'));
  EXPECT_THAT(connection.receive(), StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, CompressedBombIsRefused) {
  options_.limits.body = 1000;
  start();
  // gzip of 100,000 bytes "a"
  const unsigned char bomb[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x01, 0x0d,
                                0x00, 0x00, 0x00, 0xc2, 0xa0, 0x4c, 0xef, 0x5f, 0xce, 0x1c, 0x6e, 0x40, 0x01};
  std::string body(reinterpret_cast<const char*>(bomb), sizeof(bomb));
  body += std::string(77, '\0');
  const auto reply = client().ask(fmt::format(
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  EXPECT_THAT(reply, ::testing::AnyOf(StartsWith("HTTP/1.1 413"), StartsWith("HTTP/1.1 400")));
}

TEST_F(ServerTest, HeadersAreBounded) {
  options_.limits.header = 20'000;
  start();
  auto connection = client();
  connection.send("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 300 && connection.send("X-Filler: " + std::string(90, 'x') + "\r\n"); ++i) {
  }
  const auto reply = connection.receive();
  EXPECT_THAT(reply, ::testing::AnyOf(::testing::IsEmpty(), StartsWith("HTTP/1.1 4")));
  EXPECT_TRUE(connection.closes());
}

TEST_F(ServerTest, HostileHeadersDoNotHarm) {
  start();
  std::string ranges = "bytes=0-0";
  while (ranges.size() < 8000) ranges += ",0-0";
  std::string path = "/";
  while (path.size() < 8000) path += "%0a";
  for (const auto& request : {
           "GET / HTTP/1.1\r\nHost: h\r\nRange: " + ranges + "\r\n\r\n",
           "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
           "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(9000, 'x') + "\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: "
           "3\r\n\r\n--x" +
               std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\n--x" +
               std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n" + std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n" + std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" + std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab" + std::string(),
           "POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc" + std::string(),
           "\r\n\r\n\r\n" + std::string(),
           "BREW / HTTP/1.1\r\n\r\n" + std::string(),
           "GET / HTTP/9.9\r\n\r\n" + std::string(),
           std::string(100, '\0'),
           "GET\r\n\r\n" + std::string(),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 12),
       }) {
    auto connection = client();
    connection.send(request);
    ::shutdown(connection.fd(), SHUT_WR);
    const auto reply = connection.receive();
    EXPECT_TRUE(reply.empty() || reply.starts_with("HTTP/1.1 ")) << reply;
    EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200")) << request.substr(0, 80);
  }
}

TEST_F(ServerTest, ConflictingLengthsEndTheConnection) {
  start();
  auto connection = client();
  const auto reply = connection.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" +
                                    post("smuggled"));
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(reply, HasSubstr("malformed-message"));
  ::shutdown(connection.fd(), SHUT_WR);
  EXPECT_EQ(connection.receive(), "");
}

TEST_F(ServerTest, BodyOfAGetIsNoSecondRequest) {
  start();
  auto connection = client();
  const auto inner = post("smuggled");
  const auto reply =
      connection.ask(fmt::format("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}", inner.size(), inner));
  EXPECT_THAT(reply, HasSubstr("Connection: close"));
  ::shutdown(connection.fd(), SHUT_WR);
  EXPECT_EQ(connection.receive(), "");
}

TEST_F(ServerTest, RequestsOfAConnectionAreBounded) {
  options_.limits.requests_per_connection = 2;
  start();
  auto connection = client();
  EXPECT_THAT(connection.ask(get), Not(HasSubstr("Connection: close")));
  EXPECT_THAT(connection.ask(get), HasSubstr("Connection: close"));
  EXPECT_TRUE(connection.closes());
}

TEST_F(ServerTest, BodiesOfAllClientsTogetherAreBounded) {
  options_.limits.all_bodies = 1000;
  start();
  EXPECT_THAT(client().ask(post(std::string(1001, 'a'))), StartsWith("HTTP/1.1 503"));
  // What was counted is given back.
  for (int i = 0; i < 3; ++i) EXPECT_THAT(client().ask(post(std::string(1000, 'a'))), StartsWith("HTTP/1.1 200"));
}

// ---- time ------------------------------------------------------------------------------------------------------------

TEST_F(ServerTest, HeaderThatTricklesIsCutOff) {
  options_.limits.receive_timeout = 300ms;
  start();
  auto connection = client();
  // Each byte comes well within the time, all of them together do not.
  bool alive = true;
  for (int i = 0; i < 200 && alive; ++i) {
    alive = connection.send("G");
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(connection.closes());
}

TEST_F(ServerTest, BodyThatStopsIsAnsweredWithTimeout) {
  options_.limits.receive_timeout = 200ms;
  start();
  const auto reply = client().ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 408"));
}

TEST_F(ServerTest, IdleConnectionIsClosed) {
  options_.limits.idle_timeout = 100ms;
  start();
  auto connection = client();
  EXPECT_THAT(connection.ask(get), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(connection.closes());
}

TEST_F(ServerTest, ClientThatNeverReadsIsCutOff) {
  options_.limits.reply_timeout = 200ms;
  start([](const HttpRequest&) { return HttpResponse{200, {}, std::string(8'000'000, 'x')}; });
  auto connection = client();
  connection.send(get);
  std::this_thread::sleep_for(500ms);
  const auto reply = connection.receive();
  EXPECT_LT(reply.size(), 8'000'000U);
  EXPECT_TRUE(connection.closes());
}

TEST_F(ServerTest, SlowClientsDoNotKeepAGoodOneWaiting) {
  start([](const HttpRequest& request) {
    return HttpResponse{200, {}, request.target == "/big" ? std::string(4'000'000, 'x') : "good"};
  });
  std::vector<TestClient> hostile;
  for (int i = 0; i < 320; ++i) {
    auto& bad = hostile.emplace_back(client());
    ASSERT_TRUE(bad.connected());
    switch (i % 4) {
      case 0: break;  // says nothing
      case 1: bad.send("GET / HTTP/1.1\r\nX-Slow: "); break;
      case 2: bad.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf"); break;
      default: bad.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n"); break;  // never reads the reply
    }
  }
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(client().ask(get), ::testing::EndsWith("good"));
    // The hostile ones would hold a worker for 10 s: the bound only tells waiting for them from not waiting.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    for (std::size_t k = 1; k < hostile.size(); k += 4) hostile[k].send("x");
  }
}

TEST_F(ServerTest, WhenAllPlacesAreTakenTheLongestWaitingMakesRoom) {
  options_.limits.connections = 8;
  start();
  std::vector<TestClient> hostile;
  for (int i = 0; i < 100; ++i) {
    auto& bad = hostile.emplace_back(client());
    ASSERT_TRUE(bad.connected());
    bad.send("GET / HT");
    if (i % 10 != 9) continue;
    EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_TRUE(hostile[0].closes());
}

TEST_F(ServerTest, RequestInTheHandlerIsNeverCutOff) {
  options_.limits.connections = 2;
  Gate gate;
  start([&](const HttpRequest&) {
    gate.pass();
    return HttpResponse{200, {}, "done"};
  });
  auto first = client();
  auto second = client();
  first.send(get);
  second.send(get);
  gate.await(2);
  EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 503"));
  gate.open();
  EXPECT_THAT(first.receive(), ::testing::EndsWith("done"));
  EXPECT_THAT(second.receive(), ::testing::EndsWith("done"));
}

TEST_F(ServerTest, RootGetsInWhenAllOthersAreBeingHandled) {
  if (::geteuid() != 0) GTEST_SKIP() << "this is not root";
  options_.limits.connections = 1;
  options_.limits.for_root = 1;
  Gate gate;
  start([&](const HttpRequest& request) {
    if (request.target == "/x") gate.pass();
    return HttpResponse{200, {}, "done"};
  });
  auto first = client();
  first.send(post(""));
  gate.await(1);
  {
    auto second = client();
    second.send(post(""));
    gate.await(2);
    EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 503")) << "the reserve is not without end";
    gate.open();
    EXPECT_THAT(second.receive(), ::testing::EndsWith("done"));
  }
  EXPECT_THAT(first.receive(), ::testing::EndsWith("done"));
}

TEST_F(ServerTest, WhatIsRefusedBeforeItIsHandledIsTold) {
  options_.limits.body = 100;
  std::mutex mutex;
  std::vector<std::string> told;
  options_.refused = [&](const HttpRequest& request, int status, const std::string&) {
    const std::lock_guard lock(mutex);
    told.push_back(fmt::format("{} {} {}", request.method, request.target, status));
  };
  start();
  EXPECT_THAT(client().ask(post(std::string(101, 'x'))), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(client().ask("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(client().ask(post("ok")), StartsWith("HTTP/1.1 200"));
  server_->stop();
  EXPECT_THAT(told, ::testing::ElementsAre("POST /x 413"));
}

TEST_F(ServerTest, StopDoesNotWaitForHangingClients) {
  start([](const HttpRequest&) { return HttpResponse{200, {}, std::string(4'000'000, 'x')}; });
  std::vector<TestClient> hostile;
  for (int i = 0; i < 50; ++i) {
    auto& bad = hostile.emplace_back(client());
    if (i % 3 == 1) bad.send("GET / HTTP/1.1\r\n");
    if (i % 3 == 2) bad.send(get);
  }
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 8s);  // every timeout of the clients is longer
  EXPECT_FALSE(std::filesystem::exists(options_.socket));
}

TEST_F(ServerTest, StopLetsTheHandlerFinishAndAnswer) {
  Gate gate;
  start([&](const HttpRequest&) {
    gate.pass();
    return HttpResponse{200, {}, "done"};
  });
  auto connection = client();
  connection.send(get);
  gate.await(1);
  std::thread stopper([&] { server_->stop(); });
  gate.open();
  EXPECT_THAT(connection.receive(), ::testing::EndsWith("done"));
  stopper.join();
}

TEST_F(ServerTest, ManyParallelClientsAreAllAnswered) {
  start();
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&, i] {
      auto connection = client();
      for (int k = 0; k < 10; ++k) {
        const auto body = fmt::format("{}-{}", i, k);
        if (connection.ask(post(body)).ends_with("POST:" + body)) ++answered;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, 1000);
}

// ---- streams ---------------------------------------------------------------------------------------------------------

class StreamTest : public ServerTest {
 protected:
  void start_streams() {
    start([this](const HttpRequest& request) {
      if (request.target != "/events") return HttpResponse{200, {}, "ok"};
      HttpResponse response{200, {{"Content-Type", "text/event-stream"}}, {}};
      response.stream = std::make_shared<EventStream>(*events_.subscribe());
      return response;
    });
  }
  static std::string read_until(TestClient& client, const std::string& what) {
    std::string text;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (text.find(what) == std::string::npos && std::chrono::steady_clock::now() < deadline) {
      std::array<char, 4096> buffer;
      pollfd entry{client.fd(), POLLIN, 0};
      if (::poll(&entry, 1, 1000) <= 0) continue;
      const auto count = ::recv(client.fd(), buffer.data(), buffer.size(), 0);
      if (count <= 0) break;
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
  }
  TestClient follower_of_events() {
    auto follower = client();
    follower.send(follow);
    read_until(follower, ": events");
    return follower;
  }
  static constexpr std::string_view follow = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";

  service::Events events_;
};

TEST_F(StreamTest, EventsComeAsTheyHappen) {
  start_streams();
  auto follower = client();
  follower.send(follow);
  const auto head = read_until(follower, ": events");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
  events_.publish({"one", {}});
  EXPECT_THAT(read_until(follower, "polycube:one"), HasSubstr("data: {"));
  EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200"));
}

TEST_F(StreamTest, AStreamWithoutEventsSaysThatItLives) {
  options_.limits.stream_pause = 50ms;
  start_streams();
  auto follower = client();
  follower.send(follow);
  EXPECT_THAT(read_until(follower, ": still here\n\n: still here"), HasSubstr("still"));
}

TEST_F(StreamTest, WhoGoesLeavesNothing) {
  start_streams();
  {
    auto follower = follower_of_events();
    EXPECT_TRUE(events_.watched());
  }
  for (int i = 0; i < 2000 && events_.watched(); i++) std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(events_.watched());
}

TEST_F(StreamTest, WhoDoesNotReadHoldsUpNobodyAndIsCutOff) {
  options_.limits.reply_timeout = 500ms;
  start_streams();
  auto follower = follower_of_events();
  const std::string text(4096, 'x');
  for (int i = 0; i < 2000; i++) events_.publish({"much", {{"text", text}}});
  EXPECT_THAT(client().ask(get), StartsWith("HTTP/1.1 200"));
  for (int i = 0; i < 2000 && events_.watched(); i++) std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(events_.watched());
}

TEST_F(StreamTest, WhoIsTooSlowIsToldSo) {
  start_streams();
  auto follower = follower_of_events();
  const std::string text(4096, 'x');
  for (int i = 0; i < 2000; i++) events_.publish({"much", {{"text", text}}});
  EXPECT_THAT(read_until(follower, "cut off"), HasSubstr("connect again"));
}

TEST_F(StreamTest, StopEndsThemAtOnce) {
  start_streams();
  auto follower = follower_of_events();
  server_->stop();
  EXPECT_TRUE(follower.closes());
  EXPECT_FALSE(events_.watched());
}

TEST_F(StreamTest, StreamsMakeNoRoomForOthers) {
  options_.limits.connections = 3;
  start_streams();
  auto follower = follower_of_events();
  std::list<TestClient> others;  // they stay, so that room has to be made
  for (int i = 0; i < 5; i++) EXPECT_THAT(others.emplace_back(client()).ask(get), StartsWith("HTTP/1.1 200"));
  events_.publish({"one", {}});
  EXPECT_THAT(read_until(follower, "polycube:one"), HasSubstr("data: {"));
}

}  // namespace
}  // namespace polycube::api
