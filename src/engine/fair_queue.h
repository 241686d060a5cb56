// What waits for its turn, shared out among those who wait: one who asks for much at once does not
// have the others wait for all of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace confide::engine {

// Next comes one of those callers who have the least under way, and of them the one whose last turn
// is the longest ago. What one caller waits with comes in the order in which it came. Remembers
// nobody who has nothing here. Not thread-safe.
template <class Item>
class FairQueue {
 public:
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  void push(const std::string& caller, Item item) {
    const auto [it, is_new] = callers_.try_emplace(caller);
    if (is_new) it->second.turn = ++turns_;
    it->second.waiting.push_back(std::move(item));
    ++size_;
  }

  // Takes out what comes next of all that `may`; nothing if there is none. It is then under way,
  // until ended().
  template <class May>
  std::optional<Item> take(May may) {
    auto best = callers_.end();
    typename std::deque<Item>::iterator next;
    for (auto it = callers_.begin(); it != callers_.end(); ++it) {
      if (best != callers_.end() && !it->second.comes_before(best->second)) continue;
      const auto found = std::ranges::find_if(it->second.waiting, may);
      if (found == it->second.waiting.end()) continue;
      best = it;
      next = found;
    }
    if (best == callers_.end()) return std::nullopt;
    std::optional<Item> out(std::move(*next));
    best->second.waiting.erase(next);
    ++best->second.under_way;
    best->second.turn = ++turns_;
    --size_;
    return out;
  }

  // Something of this caller's is no longer under way.
  void ended(const std::string& caller) {
    const auto it = callers_.find(caller);
    if (it == callers_.end()) return;
    --it->second.under_way;
    if (it->second.is_gone()) callers_.erase(it);
  }

  // Takes out all that is `unwanted`.
  template <class Unwanted>
  std::vector<Item> drop(Unwanted unwanted) {
    std::vector<Item> out;
    for (auto it = callers_.begin(); it != callers_.end();) {
      std::deque<Item> kept;
      for (Item& item : it->second.waiting) {
        const bool goes = unwanted(std::as_const(item));
        if (goes) {
          out.push_back(std::move(item));
        } else {
          kept.push_back(std::move(item));
        }
      }
      it->second.waiting = std::move(kept);
      it = it->second.is_gone() ? callers_.erase(it) : std::next(it);
    }
    size_ -= out.size();
    return out;
  }

 private:
  struct Caller {
    std::deque<Item> waiting;
    std::size_t under_way = 0;
    std::uint64_t turn = 0;  // the last, or when it came

    bool is_gone() const { return waiting.empty() && under_way == 0; }
    bool comes_before(const Caller& other) const {
      return std::tie(under_way, turn) < std::tie(other.under_way, other.turn);
    }
  };

  std::map<std::string, Caller> callers_;
  std::uint64_t turns_ = 0;
  std::size_t size_ = 0;
};

}  // namespace confide::engine
