#include "capi/exchange.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>
#include <utility>

#include "base/secret.h"
#include "capi/documents.h"
#include "client/proven_exchange.h"

namespace confide::capi {
namespace {

constexpr std::size_t kMaxWaiting = std::size_t{1} << 20U;

std::string failure(Errc code, std::string message) {
  return failure_document({code, std::move(message)}, {});
}

std::string request_failure(const Error& error) {
  verify::Verdict verdict;
  verdict.fail("channel.request", error.message);
  return failure_document(error, verdict);
}

}  // namespace

Exchange::Exchange(std::shared_ptr<client::SealedChannel> channel, std::string authority,
                   std::string head, std::string content)
    : channel_(std::move(channel)), ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  auto request = read_request(head);
  wipe(head);  // it has the caller's key
  if (request) {
    request->authority = std::move(authority);
    request->content = std::move(content);
    begin(*std::move(request));
  } else {
    wipe(content);
    give_up(request_failure(request.error()));
  }
}

void Exchange::begin(seal::InnerRequest request) {
  if (!ready_.is_open()) return give_up(failure(Errc::unavailable, "no more descriptors"));
  try {
    thread_ = std::thread([this, request = std::move(request)]() mutable {
      run(request);
      finished_ = true;
    });
  } catch (const std::system_error&) {
    give_up(failure(Errc::unavailable, "no more threads"));
  }
}

void Exchange::give_up(std::string document) {
  end(CONFIDE_EVENT_FAILED, std::move(document));
  finished_ = true;
}

Exchange::~Exchange() {
  cancel();
  join();
  release();
}

void Exchange::join() {
  if (thread_.joinable()) thread_.join();
}

void Exchange::run(seal::InnerRequest& request) {
  const client::ProvenSink sink{
      .on_receipt =
          [this](const client::SealedAnswer& answer, const std::string& document,
                 const verify::Verdict& verdict) {
            // One that failed is told by the failure.
            if (!verdict.passed()) return;
            (void)push(CONFIDE_EVENT_PROOF, proof_document(answer, document, verdict));
          },
      .on_head =
          [this](const seal::InnerResponse& head) {
            return push(CONFIDE_EVENT_HEAD, head_document(head));
          },
      .on_content =
          [this](std::string content) { return push(CONFIDE_EVENT_CONTENT, std::move(content)); }};
  verify::Verdict verdict;
  const Status proven = client::exchange_proven(*channel_, request, sink, cancellation_, verdict);
  wipe(request.content);
  for (seal::HttpField& field : request.fields) wipe(field.value);
  if (proven) return end(CONFIDE_EVENT_END, {});
  end(CONFIDE_EVENT_FAILED, failure_document(proven.error(), verdict));
}

Status Exchange::push(confide_event event, std::string bytes) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] {
    return cancelled_ || pieces_.empty() || waiting_ + bytes.size() <= kMaxWaiting;
  });
  if (cancelled_) {
    wipe(bytes);
    return fail(Errc::unavailable, "nobody waits for the answer any more");
  }
  append({.event = event, .bytes = std::move(bytes)});
  return {};
}

// A stream that lost pieces to cancel() is not whole, even if it ended well just then.
void Exchange::end(confide_event event, std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (cancelled_ && event == CONFIDE_EVENT_END) {
    event = CONFIDE_EVENT_FAILED;
    bytes = failure(Errc::unavailable, "nobody waits for the answer any more");
  }
  append({.event = event, .bytes = std::move(bytes)});
}

void Exchange::append(Piece piece) {
  waiting_ += piece.bytes.size();
  pieces_.push_back(std::move(piece));
  if (pieces_.size() == 1 && ready_.is_open()) (void)::eventfd_write(ready_.get(), 1);
}

void Exchange::drop() {
  for (Piece& piece : pieces_) wipe(piece.bytes);
  pieces_.clear();
  waiting_ = 0;
  eventfd_t count = 0;
  (void)::eventfd_read(ready_.get(), &count);
}

confide_event Exchange::next(ByteView& bytes) {
  const std::lock_guard lock(mutex_);
  bytes = {};
  if (pieces_.empty()) return CONFIDE_EVENT_NONE;
  if (pieces_.front().is_last()) {
    bytes = as_bytes(pieces_.front().bytes);
    return pieces_.front().event;
  }
  wipe(current_.bytes);
  current_ = std::move(pieces_.front());
  pieces_.pop_front();
  waiting_ -= current_.bytes.size();
  if (pieces_.empty()) drop();
  room_.notify_one();
  bytes = as_bytes(current_.bytes);
  return current_.event;
}

void Exchange::cancel() {
  {
    const std::lock_guard lock(mutex_);
    if (cancelled_ || (!pieces_.empty() && pieces_.back().is_last())) return;
    cancelled_ = true;
    drop();
  }
  room_.notify_one();
  cancellation_.cancel();
}

void Exchange::release() {
  cancel();
  const std::lock_guard lock(mutex_);
  drop();
  wipe(current_.bytes);
}

}  // namespace confide::capi
