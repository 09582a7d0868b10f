// SPDX-License-Identifier: Apache-2.0
/// A service with a process of its own, as the daemon sees it while it is connected.
/// Why: to the rest of the daemon its control planes are control::Cube like others.
/// Invariants: a call ends by its deadline, with which the connection ends too, so that a service that stalls holds up one
/// call and no more. What it does not take of packets and records stays in the rings, so that the fast path counts what is
/// lost. Who connects has to offer a service in time. Once it is over, a session stays over; a service that comes back is
/// another session. Whatever the service sends, it reaches the hosts of its own cubes only.
/// Threading: cubes and stop() from any thread; run() is the thread of the stream. Calls of hosts run on that thread and
/// wait for nobody, so that a service in the middle of commit() is answered.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "control.grpc.pb.h"
#include "remote/host_calls.h"
#include "remote/outbox.h"
#include "service/control_source.h"

namespace polycube::remote {

/// How long a function of a cube may take.
inline constexpr std::chrono::seconds call_deadline{3};

/// How long it may take until the offer has come, whole.
inline constexpr std::chrono::seconds offer_deadline{10};

/// Packets and records of one cube that the service has not dealt with; a round of the slow path may add to it.
inline constexpr std::uint32_t max_under_way = 256;

/// Of a service's model, in bytes.
inline constexpr std::size_t max_model = std::size_t{1} << 20;
/// Of a package.
inline constexpr std::size_t max_programs = 256;

class Session : public service::ControlSource, public std::enable_shared_from_this<Session> {
 public:
  using Stream = grpc::ServerReaderWriter<pb::ToService, pb::FromService>;

  Session(service::ServiceRegistry& registry, grpc::ServerContext& context,
          std::chrono::milliseconds patience = offer_deadline);
  ~Session() override;

  /// Serves the stream to its end; its context is not used any more then.
  void run(Stream& stream);
  void stop(const std::string& reason) { outbox_.abort(reason); }

  [[nodiscard]] Result<std::unique_ptr<control::Cube>> create(control::Host& host) override;
  [[nodiscard]] Place place() const override { return outbox_.closed() ? Place::detached : Place::remote; }

 private:
  class RemoteCube;
  /// The host of a cube, for what the service asks of it.
  struct HostSide {
    std::mutex mutex;
    control::Host* host = nullptr;  ///< null once the cube is gone
    Tables tables;
    std::atomic<std::uint32_t> under_way = 0;  ///< packets and records
  };

  void handle(const pb::FromService& message);
  void take_offer(const pb::Offer& offer);
  void refuse(const Error& error);
  [[nodiscard]] static Result<> check_offer(const pb::Offer& offer);
  [[nodiscard]] pb::Reply serve(const pb::FromService& message);
  void forget(std::uint64_t cube);
  void take_back(HostSide& side, std::uint32_t count);
  void lose_packet();

  service::ServiceRegistry& registry_;
  const std::function<void()> cancel_;
  const std::chrono::milliseconds patience_;  ///< until there is an offer
  Outbox<pb::ToService> outbox_;
  std::string service_;  ///< once there was an offer
  std::atomic<bool> offered_ = false;
  std::atomic<bool> attached_ = false;
  std::atomic<bool> has_lost_ = false;
  std::jthread attaching_;  ///< a thread, because attaching calls the service
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<HostSide>> hosts_;  ///< by number of the cube
  std::uint64_t last_cube_ = 0;
};

}  // namespace polycube::remote
