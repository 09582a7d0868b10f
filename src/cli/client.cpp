// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <httplib.h>
#include <unistd.h>

namespace polycube::cli {
namespace {

constexpr auto connect_timeout = std::chrono::seconds(5);
/// A transaction on a thousand cubes takes its time; a daemon that hangs must still not hang scripts for ever.
constexpr auto reply_timeout = std::chrono::seconds(300);
constexpr const char* media_type = "application/yang-data+json";

class HttpTransport : public Transport {
 public:
  HttpTransport(const Settings& settings, const Endpoint& endpoint)
      : settings_(settings), endpoint_(endpoint), client_(make_client(settings, endpoint)) {
    if (!endpoint.socket.empty()) client_->set_address_family(AF_UNIX);
    if (endpoint.tls) {
      client_->set_ca_cert_path(settings.ca_certificate);
      client_->enable_server_certificate_verification(true);
    }
    client_->set_connection_timeout(connect_timeout);
    client_->set_read_timeout(reply_timeout);
    client_->set_write_timeout(reply_timeout);
    client_->set_keep_alive(true);
    client_->set_tcp_nodelay(true);
    client_->set_url_encode(false);  // paths come encoded: a second pass would change keys
  }

  Result<Reply> send(const Request& request) override {
    auto message = message_for(request.method, request.path, std::string(media_type) + ", application/json");
    if (!request.body.empty() || request.method == "POST" || request.method == "PATCH") {
      message.headers.emplace("Content-Type", media_type);
      message.body = request.body;
    }
    if (settings_.debug)
      fmt::print(stderr, "{} {} {}\n{}\n", request.method, settings_.url, request.path, request.body);
    const auto result = client_->send(message);
    if (!result) return failure(result.error());
    if (settings_.debug) fmt::print(stderr, "{} {}\n", result->status, result->reason);
    return Reply{result->status, result->reason, result->body};
  }

  Result<Reply> follow(const std::string& path, const Take& take) override {
    auto message = message_for("GET", path, std::string("text/event-stream, ") + media_type + ";q=0.1");
    int status = 0;
    std::string refusal;
    message.response_handler = [&](const httplib::Response& response) {
      status = response.status;
      return true;
    };
    message.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      if (status == 200)
        take({data, size});
      else
        refusal.append(data, size);
      return true;
    };
    const auto result = client_->send(message);
    if (!result) return failure(result.error());
    return Reply{result->status, result->reason, refusal};
  }

 private:
  [[nodiscard]] httplib::Request message_for(const std::string& method, const std::string& path,
                                             const std::string& accept) const {
    httplib::Request message;
    message.method = method;
    message.path = path;
    // httplib sends no Host for a Unix socket's path that a server would accept.
    message.headers = {{"Accept", accept}, {"Host", endpoint_.socket.empty() ? authority() : "localhost"}};
    return message;
  }

  static std::unique_ptr<httplib::Client> make_client(const Settings& settings, const Endpoint& endpoint) {
    if (!endpoint.socket.empty()) return std::make_unique<httplib::Client>(endpoint.socket.string(), 80);
    if (!endpoint.tls) return std::make_unique<httplib::Client>(endpoint.host, endpoint.port);
    const auto host = endpoint.host.find(':') == std::string::npos ? endpoint.host : "[" + endpoint.host + "]";
    return std::make_unique<httplib::Client>(fmt::format("https://{}:{}", host, endpoint.port), settings.certificate,
                                             settings.key);
  }

  [[nodiscard]] std::string authority() const {
    return endpoint_.host.find(':') == std::string::npos ? fmt::format("{}:{}", endpoint_.host, endpoint_.port)
                                                         : fmt::format("[{}]:{}", endpoint_.host, endpoint_.port);
  }

  [[nodiscard]] tl::unexpected<Error> failure(httplib::Error error) const {
    if (!endpoint_.socket.empty() && ::access(endpoint_.socket.c_str(), W_OK) != 0 && errno == EACCES)
      return fail(ErrorCode::system, "You may not use the socket {}: run as root, or as a user who may write to it",
                  endpoint_.socket.string());
    if (error == httplib::Error::Connection || error == httplib::Error::ConnectionTimeout)
      return fail(ErrorCode::system,
                  "Cannot contact the polycubed daemon at {} Please verify that the daemon is running.", settings_.url);
    if (endpoint_.tls && (error == httplib::Error::SSLLoadingCerts || error == httplib::Error::Success))
      return fail(ErrorCode::system,
                  "cacert {}, cert {} or key {} cannot be used: is each a PEM file that you may read?",
                  settings_.ca_certificate, settings_.certificate, settings_.key);
    if (endpoint_.tls && error == httplib::Error::SSLServerVerification)
      return fail(
          ErrorCode::system,
          "The certificate of the daemon at {} is not one for {} that {} (cacert) vouches for; nothing was sent",
          settings_.url, endpoint_.host, settings_.ca_certificate);
    if (endpoint_.tls &&
        (error == httplib::Error::SSLConnection || error == httplib::Error::Read || error == httplib::Error::Write))
      return fail(ErrorCode::system, "The daemon at {} does not accept {}; its log says why", settings_.url,
                  settings_.certificate.empty() ? "clients without a certificate: set cert and key"
                                                : "the certificate " + settings_.certificate);
    return fail(ErrorCode::system, "The daemon at {} did not answer completely: {}", settings_.url,
                httplib::to_string(error));
  }

  Settings settings_;
  Endpoint endpoint_;
  std::unique_ptr<httplib::Client> client_;
};

}  // namespace

std::unique_ptr<Transport> connect_http(const Settings& settings, const Endpoint& endpoint) {
  return std::make_unique<HttpTransport>(settings, endpoint);
}

}  // namespace polycube::cli
