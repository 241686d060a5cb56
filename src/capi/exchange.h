// One request on a thread of its own, and what came of it so far, for a caller who never waits.
#pragma once

#include <confide/client.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "client/sealed_channel.h"
#include "ops/file_handle.h"

namespace confide::capi {

// next(), its bytes and release() have one user at a time; the rest is thread-safe.
class Exchange {
 public:
  // `head` as client.h says; `authority` goes into the request.
  Exchange(std::shared_ptr<client::SealedChannel> channel, std::string authority, std::string head,
           std::string content);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  // Not from its own thread.
  ~Exchange();

  confide_event next(ByteView& bytes);
  int descriptor() const noexcept { return ready_.get(); }
  void cancel();
  // The caller is done with it: cancels it and forgets what it holds. Does not wait.
  void release();
  // Whether its thread has nothing more to do, so that join() and the destructor do not wait.
  bool finished() const noexcept { return finished_; }
  void join();  // by one thread

 private:
  struct Piece {
    confide_event event = CONFIDE_EVENT_NONE;
    std::string bytes;
    bool is_last() const noexcept {
      return event == CONFIDE_EVENT_END || event == CONFIDE_EVENT_FAILED;
    }
  };

  void begin(seal::InnerRequest request);
  void give_up(std::string document);
  void run(seal::InnerRequest& request);
  Status push(confide_event event, std::string bytes);
  void end(confide_event event, std::string bytes);
  void append(Piece piece);  // with mutex_
  void drop();               // with mutex_

  std::shared_ptr<client::SealedChannel> channel_;
  client::Cancellation cancellation_;
  ops::FileHandle ready_;  // an eventfd, readable while there are pieces

  std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Piece> pieces_;  // the last one stays
  std::size_t waiting_ = 0;   // bytes in them
  bool cancelled_ = false;
  Piece current_;  // that the caller reads
  std::atomic<bool> finished_{false};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace confide::capi
