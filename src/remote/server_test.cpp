// SPDX-License-Identifier: Apache-2.0
// The daemon's end, as somebody meets it who speaks the protocol but not the rules.
#include "remote/server.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <future>

namespace polycube::remote {
namespace {

using testing::HasSubstr;

/// A host of which nothing is asked but its name.
class QuietHost : public control::Host {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& uuid() const override { return uuid_; }
  [[nodiscard]] std::vector<control::Port> ports() const override {
    control::Port port;
    port.name = "p";
    port.index = 3;
    return {port};
  }
  [[nodiscard]] Result<control::Port> port(std::string_view) const override { return ports().front(); }
  [[nodiscard]] Result<> send_packet_out(std::uint16_t, std::span<const std::byte>, control::Direction,
                                         std::uint32_t) override {
    return {};
  }
  [[nodiscard]] Result<std::unique_ptr<control::RawTable>> open_table(std::string_view name,
                                                                      const control::Program&) override {
    return fail(ErrorCode::data_missing, "no table {}", name);
  }
  [[nodiscard]] Result<control::Hook> hook() const override { return control::Hook::tc; }
  [[nodiscard]] Result<std::uint16_t> add_program(const control::Code&, control::Direction,
                                                  std::optional<std::uint16_t>) override {
    return 1;
  }
  [[nodiscard]] Result<> reload_program(const control::Code&, const control::Program&) override { return {}; }
  [[nodiscard]] Result<> remove_program(const control::Program&) override { return {}; }
  [[nodiscard]] control::Timer every(std::chrono::milliseconds, std::function<void()>) override { return {}; }
  [[nodiscard]] control::Timer after(std::chrono::milliseconds, std::function<void()>) override { return {}; }
  void log(control::LogLevel, std::string_view) override {}

 private:
  std::string name_ = "cube";
  std::string uuid_ = "8f0e3c34-1b7a-4f3a-9d6b-2a1f0c9e7d55";
};

/// Takes every service, and remembers it.
class FakeRegistry : public service::ServiceRegistry {
 public:
  Result<> attach_service(const service::ServiceOffer& offer, std::shared_ptr<service::ControlSource> source) override {
    offers.push_back(offer.name);
    source_.set_value(std::move(source));
    return {};
  }
  void service_lost(const std::string&, const std::string&) override {}
  std::shared_ptr<service::ControlSource> source() { return source_.get_future().get(); }
  std::vector<std::string> offers;

 private:
  std::promise<std::shared_ptr<service::ControlSource>> source_;
};

class ServerTest : public testing::Test {
 protected:
  explicit ServerTest(std::chrono::milliseconds patience = offer_deadline)
      : socket_(std::filesystem::temp_directory_path() / ("pcn-services-" + std::to_string(::getpid()))) {
    const auto started = server_.start({.socket = socket_, .address = {}, .tls = {}, .patience = patience});
    if (!started) throw std::runtime_error(started.error().message);
    stub_ = pb::Services::NewStub(grpc::CreateChannel("unix:" + socket_.string(), grpc::InsecureChannelCredentials()));
    stream_ = stub_->Attach(&context_);
  }
  ~ServerTest() override { context_.TryCancel(); }

  static pb::FromService offer(std::uint32_t version = control::interface_version) {
    pb::FromService message;
    message.mutable_offer()->set_interface_version(version);
    message.mutable_offer()->set_name("far");
    return message;
  }
  void send(const pb::FromService& message) { stream_->Write(message); }
  /// What the daemon says next; an error with the text "end" when it ends the stream instead.
  pb::ToService receive() {
    pb::ToService message;
    if (!stream_->Read(&message)) message.mutable_reply()->mutable_error()->set_message("end");
    return message;
  }
  std::string refusal() { return receive().reply().error().message(); }

  std::filesystem::path socket_;
  FakeRegistry registry_;
  Server server_{registry_};
  grpc::ClientContext context_;
  std::unique_ptr<pb::Services::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::FromService, pb::ToService>> stream_;
};

TEST_F(ServerTest, AnotherInterfaceVersionIsRefused) {
  send(offer(control::interface_version + 1));
  EXPECT_THAT(refusal(), HasSubstr("compile it against the daemon's SDK"));
  EXPECT_EQ(refusal(), "end");
  EXPECT_TRUE(registry_.offers.empty());
}

TEST_F(ServerTest, WhatIsTooMuchIsRefused) {
  pb::FromService message = offer();
  message.mutable_offer()->set_model(std::string(max_model + 1, ' '));
  send(message);
  EXPECT_THAT(refusal(), HasSubstr("1048576 are allowed"));
}

TEST_F(ServerTest, ProgramsOfOneNameAreRefused) {
  pb::FromService message = offer();
  message.mutable_offer()->add_slaves()->set_name("far");
  send(message);
  EXPECT_EQ(refusal(), "the package has two programs with the name far");
  EXPECT_EQ(refusal(), "end");
  EXPECT_TRUE(registry_.offers.empty());
}

TEST_F(ServerTest, TheFirstMessageIsAnOffer) {
  pb::FromService message;
  message.mutable_ports();
  send(message);
  EXPECT_EQ(refusal(), "the first message must be an offer");
  send(offer());
  EXPECT_EQ(refusal(), "end");
  EXPECT_TRUE(registry_.offers.empty());
}

class HastyServerTest : public ServerTest {
 protected:
  HastyServerTest() : ServerTest(std::chrono::milliseconds(1)) {}
};

TEST_F(HastyServerTest, WhoeverOffersNothingIsSentAway) {
  EXPECT_EQ(refusal(), "end");
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServerTest, CubesThatItDoesNotHaveAreOutOfReach) {
  send(offer());
  EXPECT_FALSE(receive().reply().has_error());
  pb::FromService message;
  message.set_id(5);
  message.set_cube(77);
  message.mutable_ports();
  send(message);
  const pb::ToService answer = receive();
  EXPECT_EQ(answer.id(), 5U);
  EXPECT_THAT(answer.reply().error().message(), HasSubstr("does not exist"));
}

TEST_F(ServerTest, AnAnswerToNothingEndsIt) {
  send(offer());
  EXPECT_FALSE(receive().reply().has_error());
  pb::FromService message;
  message.set_id(9);
  message.mutable_reply();
  send(message);
  EXPECT_EQ(refusal(), "end");
}

TEST_F(ServerTest, OfferingTwiceEndsIt) {
  send(offer());
  EXPECT_FALSE(receive().reply().has_error());
  send(offer());
  EXPECT_EQ(refusal(), "end");
  EXPECT_EQ(registry_.offers, std::vector<std::string>{"far"});
}

/// Host calls are answered while the daemon waits for the answer to its own call.
TEST_F(ServerTest, AHostAnswersWhileItsCubeIsAsked) {
  QuietHost host;
  send(offer());
  EXPECT_FALSE(receive().reply().has_error());
  const auto source = registry_.source();
  auto creating = std::async(std::launch::async, [&] { return source->create(host); });
  const pb::ToService create = receive();
  EXPECT_EQ(create.create().name(), "cube");
  EXPECT_EQ(create.create().uuid(), host.uuid());
  pb::FromService question;
  question.set_id(1);
  question.set_cube(create.cube());
  question.mutable_ports();
  send(question);
  EXPECT_EQ(receive().reply().ports(0).name(), "p");
  pb::FromService done;
  done.set_id(create.id());
  done.mutable_reply();
  send(done);
  auto cube = creating.get();
  ASSERT_TRUE(cube);
  (*cube)->link("p", true);
  EXPECT_EQ(receive().link().port(), "p");
  cube->reset();
  EXPECT_TRUE(receive().has_destroy());
  send(question);
  EXPECT_THAT(refusal(), HasSubstr("does not exist")) << "the host is gone";
}

/// What it does not deal with stays where it is, until it says that it did.
TEST_F(ServerTest, PacketsUnderWayAreBounded) {
  QuietHost host;
  send(offer());
  EXPECT_FALSE(receive().reply().has_error());
  const auto source = registry_.source();
  auto creating = std::async(std::launch::async, [&] { return source->create(host); });
  const pb::ToService create = receive();
  pb::FromService done;
  done.set_id(create.id());
  done.mutable_reply();
  send(done);
  auto cube = creating.get();
  ASSERT_TRUE(cube);
  const auto* paced = dynamic_cast<const service::Paced*>(cube->get());
  ASSERT_NE(paced, nullptr);
  std::uint32_t under_way = 0;
  for (; paced->keeps_up(); under_way += 2) {
    ASSERT_LE(under_way, max_under_way);
    (*cube)->packet_in({});
    (*cube)->record("ring", {});
  }
  EXPECT_EQ(under_way, max_under_way);
  pb::FromService taken;
  taken.set_cube(create.cube());
  taken.mutable_taken()->set_count(under_way);
  send(taken);
  pb::FromService question;  // whose answer says that it has been heard
  question.set_id(1);
  question.set_cube(create.cube());
  question.mutable_ports();
  send(question);
  for (std::uint32_t i = 0; i < under_way + 1; i++) EXPECT_FALSE(receive().has_destroy());
  EXPECT_TRUE(paced->keeps_up());
  // More than there were: it does not count.
  send(taken);
  EXPECT_EQ(refusal(), "end");
  EXPECT_TRUE(paced->keeps_up()) << "of a service that is away nothing waits";
}

TEST_F(ServerTest, ACubeOfAServiceThatWentAwayRefusesChangesAndHasNoState) {
  QuietHost host;
  send(offer());
  (void)receive();
  const auto source = registry_.source();
  auto creating = std::async(std::launch::async, [&] { return source->create(host); });
  pb::FromService done;
  done.set_id(receive().id());
  done.mutable_reply();
  send(done);
  auto cube = creating.get();
  ASSERT_TRUE(cube);
  EXPECT_EQ(source->place(), service::ControlSource::Place::remote);
  auto asking = std::async(std::launch::async, [&] { return (*cube)->prepare({}); });
  EXPECT_TRUE(receive().has_prepare());
  context_.TryCancel();
  const auto refused = asking.get();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("service far is detached"));
  EXPECT_EQ(source->place(), service::ControlSource::Place::detached);
  EXPECT_TRUE((*cube)->state("").value().empty());
  EXPECT_FALSE((*cube)->action("flush", {}, {}));
  EXPECT_FALSE(source->create(host));
}

}  // namespace
}  // namespace polycube::remote
