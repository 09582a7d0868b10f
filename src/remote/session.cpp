// SPDX-License-Identifier: Apache-2.0
#include "remote/session.h"

#include <algorithm>
#include <condition_variable>
#include <set>

#include "base/log.h"
#include "remote/host_calls.h"

namespace polycube::remote {

namespace {

pb::Reply unknown_cube() {
  return reply_with({ErrorCode::operation_not_supported, "the cube does not exist any more", {}, {}});
}

}  // namespace

// ---- cubes -----------------------------------------------------------------------------------------------------------

/// The control plane of a cube, whose functions are messages. While the service is away it refuses changes, and has no
/// state to show.
class Session::RemoteCube : public control::Cube, public service::Paced {
 public:
  RemoteCube(std::shared_ptr<Session> session, std::shared_ptr<HostSide> side, std::uint64_t number, std::string name)
      : session_(std::move(session)), side_(std::move(side)), number_(number), name_(std::move(name)) {}
  RemoteCube(const RemoteCube&) = delete;
  RemoteCube& operator=(const RemoteCube&) = delete;
  ~RemoteCube() override {
    pb::ToService message;
    message.mutable_destroy();
    post(std::move(message));
    session_->forget(number_);
  }

  /// Errors: the cube's own; that of a detached service.
  [[nodiscard]] Result<pb::Reply> call(pb::ToService message) {
    message.set_cube(number_);
    auto reply = session_->outbox_.call(std::move(message), call_deadline);
    if (!reply && session_->outbox_.closed())
      return service::detached_error(session_->service_, name_, session_->outbox_.reason());
    return reply;
  }

  Result<> prepare(const control::Changes& changes) override {
    pb::ToService message;
    *message.mutable_prepare() = to_message(changes);
    PCN_TRY(call(std::move(message)));
    return {};
  }

  Result<> commit(const control::Changes& changes) override {
    const bool ports_differ = std::any_of(changes.begin(), changes.end(), [](const control::Change& change) {
      return change.node == "ports" && change.before.has_value() != change.after.has_value();
    });
    if (ports_differ) ports_++;
    pb::ToService message;
    *message.mutable_commit() = to_message(changes);
    message.mutable_commit()->set_ports(ports_);
    PCN_TRY(call(std::move(message)));
    return {};
  }

  Result<control::Leaves> action(const std::string& path, const std::vector<std::string>& keys,
                                 const control::Leaves& input) override {
    pb::ToService message;
    pb::Action& action = *message.mutable_action();
    action.set_path(path);
    for (const std::string& key : keys) action.add_keys(key);
    action.mutable_input()->insert(input.begin(), input.end());
    PCN_ASSIGN(const pb::Reply reply, call(std::move(message)));
    return leaves_of(reply.leaves());
  }

  Result<control::Rows> state(const std::string& node) override {
    pb::ToService message;
    message.mutable_state()->set_node(node);
    const auto reply = call(std::move(message));
    if (!reply && session_->outbox_.closed()) return control::Rows{};
    if (!reply) return tl::unexpected<Error>(reply.error());
    control::Rows rows;
    for (const pb::Row& row : reply->rows()) rows.push_back(from_message(row));
    return rows;
  }

  void packet_in(const control::PacketIn& in) override {
    pb::ToService message;
    pb::PacketIn& packet = *message.mutable_packet_in();
    packet.set_port(std::string(in.port));
    packet.set_port_index(in.port_index);
    packet.set_egress(in.direction == control::Direction::egress);
    packet.set_reason(in.reason);
    packet.set_traffic_class(in.traffic_class);
    for (const std::uint32_t word : in.metadata) packet.add_metadata(word);
    packet.set_packet(text_of(in.packet));
    packet.set_packet_length(in.packet_length);
    packet.set_ports(ports_);
    post_packet(std::move(message));
  }

  void record(std::string_view ring, std::span<const std::byte> bytes) override {
    pb::ToService message;
    message.mutable_record()->set_ring(std::string(ring));
    message.mutable_record()->set_bytes(text_of(bytes));
    post_packet(std::move(message));
  }

  /// What comes while the service is away is lost at once: it is no use to one that comes back.
  [[nodiscard]] bool keeps_up() const override {
    return (side_->under_way.load() < max_under_way && session_->outbox_.has_room()) || session_->outbox_.closed();
  }

  void link(std::string_view port, bool up) override {
    pb::ToService message;
    message.mutable_link()->set_port(std::string(port));
    message.mutable_link()->set_up(up);
    post(std::move(message));
  }

  void peer_changed(std::string_view port) override {
    pb::ToService message;
    message.mutable_peer_changed()->set_port(std::string(port));
    post(std::move(message));
  }

 private:
  bool post(pb::ToService message, Outbox<pb::ToService>::Loss loss = Outbox<pb::ToService>::Loss::never) {
    message.set_cube(number_);
    return session_->outbox_.post(std::move(message), loss);
  }

  void post_packet(pb::ToService message) {
    side_->under_way++;
    if (post(std::move(message), Outbox<pb::ToService>::Loss::when_full)) return;
    side_->under_way--;
    session_->lose_packet();
  }

  std::shared_ptr<Session> session_;
  std::shared_ptr<HostSide> side_;
  std::uint64_t number_;
  std::string name_;
  std::uint32_t ports_ = 0;  ///< how often they have come or gone
};

Result<std::unique_ptr<control::Cube>> Session::create(control::Host& host) {
  std::uint64_t number = 0;
  const auto side = std::make_shared<HostSide>();
  {
    const std::lock_guard lock(mutex_);
    number = ++last_cube_;
    side->host = &host;  // which the constructor of the cube uses already
    hosts_.emplace(number, side);
  }
  auto cube = std::make_unique<RemoteCube>(shared_from_this(), side, number, host.name());
  pb::ToService message;
  message.mutable_create()->set_name(host.name());
  message.mutable_create()->set_uuid(host.uuid());
  PCN_TRY(cube->call(std::move(message)));
  return cube;
}

void Session::forget(std::uint64_t cube) {
  std::shared_ptr<HostSide> side;
  {
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.extract(cube);
    if (!found.empty()) side = found.mapped();
  }
  if (side == nullptr) return;
  const std::lock_guard lock(side->mutex);  // waits for a call of the host that is being carried out
  side->host = nullptr;
  side->tables.clear();
}

void Session::lose_packet() {
  if (outbox_.closed() || has_lost_.exchange(true)) return;
  log::warn("service {} does not keep up: packets and records for its slow path are lost", service_);
}

// ---- the stream ------------------------------------------------------------------------------------------------------

Session::Session(service::ServiceRegistry& registry, grpc::ServerContext& context, std::chrono::milliseconds patience)
    : registry_(registry), cancel_([&context] { context.TryCancel(); }), patience_(patience), outbox_(cancel_) {}

Session::~Session() = default;

void Session::run(Stream& stream) {
  constexpr std::chrono::seconds grace{1};
  std::mutex mutex;
  std::condition_variable ended;
  bool over = false;
  std::jthread writer([&] {
    outbox_.drain([&](const pb::ToService& message) { return stream.Write(message); });
    std::unique_lock lock(mutex);
    if (!ended.wait_for(lock, grace, [&] { return over; })) cancel_();
  });
  // Whoever only connects keeps no place for long.
  std::jthread watch([&] {
    std::unique_lock lock(mutex);
    if (ended.wait_for(lock, patience_, [&] { return over; }) || offered_) return;
    log::warn("a service is refused: it has connected and offers nothing");
    outbox_.abort("it did not offer itself in time");
  });
  for (pb::FromService message; stream.Read(&message); message.Clear()) handle(message);
  outbox_.close("its connection ended");
  {
    const std::lock_guard lock(mutex);
    over = true;
  }
  ended.notify_all();
  writer.join();
  watch.join();
  attaching_ = std::jthread();
  if (!attached_) return;
  log::warn("service {} is detached: {}", service_, outbox_.reason());
  registry_.service_lost(service_, outbox_.reason());
}

void Session::handle(const pb::FromService& message) {
  if (outbox_.closed()) return;  // it was refused, and goes on all the same
  if (message.has_offer()) return take_offer(message.offer());
  if (!offered_) return refuse({ErrorCode::malformed_message, "the first message must be an offer", {}, {}});
  if (message.has_reply()) {
    if (!outbox_.resolve(message.id(), message.reply())) outbox_.abort("it answered what nobody asked");
    return;
  }
  pb::Reply reply = serve(message);
  if (message.id() == 0) return;
  pb::ToService answer;
  answer.set_id(message.id());
  *answer.mutable_reply() = std::move(reply);
  outbox_.post(std::move(answer));
}

pb::Reply Session::serve(const pb::FromService& message) {
  std::shared_ptr<HostSide> side;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = hosts_.find(message.cube()); found != hosts_.end()) side = found->second;
  }
  if (side == nullptr) return unknown_cube();
  const std::lock_guard lock(side->mutex);
  if (side->host == nullptr) return unknown_cube();
  switch (message.what_case()) {
    case pb::FromService::kPorts: return ports(*side->host);
    case pb::FromService::kPacketOut: return send_packet(*side->host, message.packet_out());
    case pb::FromService::kTable: return use_table(*side->host, side->tables, message.table());
    case pb::FromService::kProgram: return change_program(*side->host, message.program());
    case pb::FromService::kTaken: take_back(*side, message.taken().count()); return {};
    case pb::FromService::kLine: log_line(*side->host, message.line()); return {};
    default: break;
  }
  return reply_with({ErrorCode::operation_not_supported, "this daemon does not know that message", {}, {}});
}

void Session::take_back(HostSide& side, std::uint32_t count) {
  // More may come meanwhile, but it is only here that there are fewer.
  if (count > side.under_way.load()) return outbox_.abort("it has dealt with packets that nobody sent");
  side.under_way -= count;
}

// ---- the offer -------------------------------------------------------------------------------------------------------

Result<> Session::check_offer(const pb::Offer& offer) {
  if (offer.interface_version() != control::interface_version)
    return fail(
        ErrorCode::invalid_value,
        "the service was built for interface version {}, this daemon has {}: compile it against the daemon's SDK",
        offer.interface_version(), control::interface_version);
  if (offer.model().size() > max_model)
    return fail(ErrorCode::limit_exceeded, "the model has {} bytes; {} are allowed", offer.model().size(), max_model);
  std::set<std::string> names{offer.name()};
  for (const pb::Objects& slave : offer.slaves())
    if (!names.insert(slave.name()).second)
      return fail(ErrorCode::invalid_value, "the package has two programs with the name {}", slave.name());
  std::vector<const std::string*> objects{&offer.tc_object(), &offer.xdp_object()};
  for (const pb::Objects& slave : offer.slaves()) objects.insert(objects.end(), {&slave.tc(), &slave.xdp()});
  if (objects.size() > 2 * max_programs)
    return fail(ErrorCode::limit_exceeded, "the package has {} programs; {} are allowed", objects.size() / 2,
                max_programs);
  for (const std::string* object : objects) PCN_TRY(check_object(*object));
  return {};
}

void Session::take_offer(const pb::Offer& offer) {
  if (offered_) return outbox_.abort("it offered itself twice");
  offered_ = true;
  if (auto checked = check_offer(offer); !checked) return refuse(checked.error());
  service_ = offer.name();
  service::ServiceOffer offered{offer.name(), offer.model(), {}};
  offered.objects[offer.name()] = {offer.tc_object(), offer.xdp_object()};
  for (const pb::Objects& slave : offer.slaves()) offered.objects.try_emplace(slave.name(), slave.tc(), slave.xdp());
  attaching_ = std::jthread([this, offered = std::move(offered)] {
    if (auto done = registry_.attach_service(offered, shared_from_this()); !done) return refuse(done.error());
    attached_ = true;
    pb::ToService answer;
    answer.mutable_reply();
    outbox_.post(std::move(answer));
  });
}

void Session::refuse(const Error& error) {
  log::warn("a service is refused: {}", error.message);
  pb::ToService answer;
  *answer.mutable_reply() = reply_with(error);
  outbox_.post(std::move(answer));
  outbox_.close(error.message);
}

}  // namespace polycube::remote
