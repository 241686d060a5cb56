// Which service answers a request, by the model that it names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/sealed_channel.h"
#include "proxy/errors.h"

namespace confide::proxy {

struct ServiceOptions {
  client::SealedOptions sealed;
  std::string model;  // the one it is asked for; empty: those that it lists
};

// An attested service and the models that are asked of it.
struct Service {
  std::string url;
  std::string authority;            // of its URL, for the requests inside
  std::vector<std::string> models;  // empty if it is the only one
  std::unique_ptr<client::SealedChannel> channel;
};

class Routes {
 public:
  // Attests every service; with several, asks those without a model for their list. Fails as
  // SealedChannel::open() does, with the verdict of the service that failed, and with `policy` if
  // two services have a model of one name.
  static Result<Routes> open(const std::vector<ServiceOptions>& options, verify::Verdict& verdict);

  const std::vector<Service>& services() const noexcept { return services_; }
  // The only service, or the one that has the model named in the body or, under /v1/models/, in the
  // path.
  tl::expected<const Service*, ProxyError> choose(const net::HttpRequest& request) const;
  // The body of GET /v1/models for several services. No service is asked, for none is to see
  // another's credentials.
  std::string model_list() const;

 private:
  std::vector<Service> services_;
};

}  // namespace confide::proxy
