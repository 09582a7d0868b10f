// SPDX-License-Identifier: Apache-2.0
#include "remote/runner.h"

#include <algorithm>
#include <array>
#include <thread>

#include "base/log.h"

namespace polycube::remote {

namespace {

/// Packets and records that the daemon is told of at once, unless there are none left before.
constexpr std::uint32_t told_together = 64;

bool may_wait(const pb::ToService& message) { return message.has_packet_in() || message.has_record(); }

}  // namespace

/// One connection and the cubes that the daemon makes over it.
class Runner::Connection {
 public:
  explicit Connection(const control::Service& service) : service_(service), outbox_([this] { context_.TryCancel(); }) {}

  Ending serve(pb::Services::Stub& client, const pb::Offer& offer);
  void stop() { outbox_.abort("it was stopped"); }

 private:
  /// A cube, its host and its turn. The cube goes first.
  struct Box {
    std::shared_ptr<service::Turn> turn;
    std::unique_ptr<RemoteHost> host;
    std::unique_ptr<control::Cube> cube;
    std::uint32_t ports = 0;  ///< as in the last commit
  };

  void receive(pb::ToService message);
  void work();
  void settle(std::uint64_t cube, bool more);
  [[nodiscard]] pb::Reply carry_out(const pb::ToService& message);
  [[nodiscard]] pb::Reply create(std::uint64_t number, const pb::Create& what);
  void destroy(std::uint64_t number);
  [[nodiscard]] static pb::Reply commit(Box& box, const pb::Changes& changes);
  [[nodiscard]] static pb::Reply act(Box& box, const pb::Action& action);
  [[nodiscard]] static pb::Reply show(Box& box, const std::string& node);
  static void deliver(Box& box, const pb::PacketIn& in);

  const control::Service& service_;
  grpc::ClientContext context_;
  Outbox<pb::FromService> outbox_;
  Ending ending_;
  Alarm alarm_;
  std::map<std::uint64_t, Box> boxes_;  ///< of the working thread
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<pb::ToService> tasks_;
  /// And records, which wait until there are no tasks, since the daemon waits for those; it sends no more than some hundreds
  /// for each cube before it is told that they are dealt with.
  std::deque<pb::ToService> packets_;
  std::map<std::uint64_t, std::uint32_t>
      settled_;  ///< of the working thread: those that it is still to be told of, by cube
  std::uint32_t settled_of_all_ = 0;
  bool over_ = false;
};

// ---- the stream ------------------------------------------------------------------------------------------------------

Ending Runner::Connection::serve(pb::Services::Stub& client, const pb::Offer& offer) {
  const auto stream = client.Attach(&context_);
  pb::FromService first;
  *first.mutable_offer() = offer;
  outbox_.post(std::move(first));
  {
    const std::jthread writer(
        [&] { outbox_.drain([&](const pb::FromService& message) { return stream->Write(message); }); });
    const std::jthread worker([&] { work(); });
    for (pb::ToService message; stream->Read(&message); message.Clear()) receive(std::move(message));
    outbox_.close("the daemon ended it");
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }
  context_.TryCancel();
  const grpc::Status status = stream->Finish();
  if (!ending_.refused) {
    const std::string text = status.error_message().empty() ? outbox_.reason() : status.error_message();
    ending_.error = Error{ErrorCode::system, text, {}, {}};
  }
  return ending_;
}

void Runner::Connection::receive(pb::ToService message) {
  if (message.has_reply() && message.id() == 0) {
    if (const auto answer = check(message.reply()); !answer) {
      ending_.refused = true;
      ending_.error = answer.error();
      outbox_.abort("the daemon refused it");
    } else {
      ending_.attached = true;
      log::info("attached");
    }
    return;
  }
  if (message.has_reply()) {
    outbox_.resolve(message.id(), std::move(*message.mutable_reply()));
    return;
  }
  const std::lock_guard lock(mutex_);
  (may_wait(message) ? packets_ : tasks_).push_back(std::move(message));
  changed_.notify_all();
}

// ---- cubes -----------------------------------------------------------------------------------------------------------

void Runner::Connection::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return over_ || !tasks_.empty() || !packets_.empty(); });
    if (over_) break;
    std::deque<pb::ToService>& queue = tasks_.empty() ? packets_ : tasks_;
    const pb::ToService message = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    pb::Reply reply = carry_out(message);
    if (message.id() != 0) {
      pb::FromService answer;
      answer.set_id(message.id());
      *answer.mutable_reply() = std::move(reply);
      outbox_.post(std::move(answer));
    }
    lock.lock();
    if (!may_wait(message)) continue;
    const bool more = !packets_.empty();
    lock.unlock();
    settle(message.cube(), more);
    lock.lock();
  }
  lock.unlock();
  while (!boxes_.empty()) destroy(boxes_.begin()->first);
}

// A packet or record of this cube makes room for another one; `more` wait.
void Runner::Connection::settle(std::uint64_t cube, bool more) {
  settled_[cube]++;
  if (++settled_of_all_ < told_together && more) return;
  for (const auto& [number, count] : settled_) {
    pb::FromService message;
    message.set_cube(number);
    message.mutable_taken()->set_count(count);
    outbox_.post(std::move(message));
  }
  settled_.clear();
  settled_of_all_ = 0;
}

pb::Reply Runner::Connection::carry_out(const pb::ToService& message) {
  if (message.has_create()) return create(message.cube(), message.create());
  if (message.has_destroy()) {
    destroy(message.cube());
    return {};
  }
  const auto found = boxes_.find(message.cube());
  if (found == boxes_.end()) return reply_with({ErrorCode::system, "the service does not know the cube", {}, {}});
  Box& box = found->second;
  const auto notify = [&](const char* what, const auto& function) {
    service::notify_in_turn(*box.turn, *box.host, what, function);
    return pb::Reply();
  };
  switch (message.what_case()) {
    case pb::ToService::kPrepare: {
      const auto done = service::in_turn(*box.turn, box.host->name(), "prepare",
                                         [&] { return box.cube->prepare(from_message(message.prepare())); });
      return done ? pb::Reply() : reply_with(done.error());
    }
    case pb::ToService::kCommit: return commit(box, message.commit());
    case pb::ToService::kAction: return act(box, message.action());
    case pb::ToService::kState: return show(box, message.state().node());
    case pb::ToService::kPacketIn: deliver(box, message.packet_in()); return {};
    case pb::ToService::kRecord:
      return notify("record", [&] { box.cube->record(message.record().ring(), bytes_of(message.record().bytes())); });
    case pb::ToService::kLink:
      return notify("link", [&] { box.cube->link(message.link().port(), message.link().up()); });
    case pb::ToService::kPeerChanged:
      return notify("peer_changed", [&] { box.cube->peer_changed(message.peer_changed().port()); });
    default: break;
  }
  return reply_with({ErrorCode::operation_not_supported, "the service does not know that function", {}, {}});
}

pb::Reply Runner::Connection::create(std::uint64_t number, const pb::Create& what) {
  Box box;
  box.turn = std::make_shared<service::Turn>();
  box.host = std::make_unique<RemoteHost>(what.name(), what.uuid(), number, outbox_, alarm_, box.turn);
  auto cube = service::in_turn(*box.turn, what.name(), "creation", [&] { return service_.create(*box.host); });
  if (!cube) return reply_with(cube.error());
  box.cube = std::move(*cube);
  boxes_.emplace(number, std::move(box));
  return {};
}

void Runner::Connection::destroy(std::uint64_t number) {
  auto found = boxes_.extract(number);
  if (found.empty()) return;
  Box& box = found.mapped();
  {
    const std::lock_guard lock(box.turn->mutex);  // a timer that runs ends first, none begins any more
    box.turn->stage = service::Turn::Stage::over;
  }
  box.cube.reset();
}

pb::Reply Runner::Connection::commit(Box& box, const pb::Changes& changes) {
  box.ports = changes.ports();
  const auto done = service::in_turn(*box.turn, box.host->name(), "commit", [&]() -> Result<> {
    const service::CommitScope scope;
    PCN_TRY(box.cube->commit(from_message(changes)));
    box.turn->stage = service::Turn::Stage::running;  // from the first commit on, timers fire
    return {};
  });
  return done ? pb::Reply() : reply_with(done.error());
}

pb::Reply Runner::Connection::act(Box& box, const pb::Action& action) {
  const auto output = service::in_turn(*box.turn, box.host->name(), "action", [&] {
    return box.cube->action(action.path(), strings_of(action.keys()), leaves_of(action.input()));
  });
  if (!output) return reply_with(output.error());
  pb::Reply reply;
  reply.mutable_leaves()->insert(output->begin(), output->end());
  return reply;
}

pb::Reply Runner::Connection::show(Box& box, const std::string& node) {
  const auto rows = service::in_turn(*box.turn, box.host->name(), "state", [&] { return box.cube->state(node); });
  if (!rows) return reply_with(rows.error());
  pb::Reply reply;
  for (const control::Row& row : *rows) *reply.add_rows() = to_message(row);
  return reply;
}

void Runner::Connection::deliver(Box& box, const pb::PacketIn& in) {
  if (in.ports() != box.ports) return;  // of a time when its port's name and index were perhaps another's
  control::PacketIn packet{.port = in.port(),
                           .port_index = static_cast<std::uint16_t>(in.port_index()),
                           .direction = in.egress() ? control::Direction::egress : control::Direction::ingress,
                           .reason = static_cast<std::uint16_t>(in.reason()),
                           .traffic_class = in.traffic_class(),
                           .packet = bytes_of(in.packet()),
                           .packet_length = in.packet_length()};
  std::copy_n(in.metadata().begin(), std::min<int>(in.metadata_size(), packet.metadata.size()),
              packet.metadata.begin());
  service::notify_in_turn(*box.turn, *box.host, "packet_in", [&] { box.cube->packet_in(packet); });
}

// ---- the runner ------------------------------------------------------------------------------------------------------

Ending Runner::run(const std::shared_ptr<grpc::Channel>& channel) {
  const auto client = pb::Services::NewStub(channel);
  Connection connection(service_);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return {};
    connection_ = &connection;
  }
  Ending ending = connection.serve(*client, offer_);
  const std::lock_guard lock(mutex_);
  connection_ = nullptr;
  return ending;
}

void Runner::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  if (connection_ != nullptr) connection_->stop();
}

}  // namespace polycube::remote
