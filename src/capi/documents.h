// The JSON documents of include/confide/client.h.
#pragma once

#include <string>
#include <string_view>

#include "client/sealed_channel.h"

namespace confide::capi {

std::string failure_document(const Error& error, const verify::Verdict& verdict);

// `nonce` is ours, `report` as served.
struct ServiceFacts {
  const std::string& url;
  const client::AttestedService& service;
  const std::string& nonce;
  const std::string& report;
  const verify::Verdict& verdict;
  Time verified_at{};
};
std::string service_document(const ServiceFacts& facts);

std::string head_document(const seal::InnerResponse& head);
std::string proof_document(const client::SealedAnswer& answer, const std::string& receipt,
                           const verify::Verdict& verdict);

// Without content; fields that are not sent are left out. Fails with `malformed`.
Result<seal::InnerRequest> read_request(std::string_view head);

}  // namespace confide::capi
