#pragma once

/// What is answered at /v1/responses: the response and the events of its stream. Pure.

#include <string>
#include <string_view>

#include "http/chat_response.hpp"
#include "http/response_request.hpp"

namespace chromatin::http {

/// One response as it comes to be.
class response_object {
 public:
  using json = nlohmann::ordered_json;

  /// `id` and `item` are names without their prefixes.
  response_object(const response_request& request, const std::string& id, const std::string& item,
                  const std::string& model, std::int64_t created_s);

  const std::string& id() const { return id_; }

  // The events of a stream, each with the next number. A name is the event's `type`.
  json created();                                             ///< response.created
  json in_progress();                                         ///< response.in_progress
  json item_added();                                          ///< response.output_item.added
  json part_added();                                          ///< response.content_part.added
  json delta(const std::string& text, json likelihoods);      ///< response.output_text.delta
  json text_done(const std::string& text, json likelihoods);  ///< response.output_text.done
  json part_done(const std::string& text, json likelihoods);  ///< response.content_part.done
  json item_done(const std::string& text, json likelihoods);  ///< response.output_item.done
  json over(const std::string& text, json likelihoods);       ///< response.completed, or response.incomplete
  json failed(unsigned status, const std::string& message);   ///< response.failed

  /// The answer has ended so.
  void end(const turn_statistics& statistics, std::int64_t now_s);
  /// As it is now.
  json whole(const std::string& text, json likelihoods) const;

 private:
  json event(const char* type);
  json part_event(const char* type);
  json item(const char* status, json content) const;
  static json part(const std::string& text, json likelihoods);

  json head_;
  std::string id_, item_id_;
  std::uint64_t sent_ = 0;
};

/// What is kept of a response besides its text, which is in its conversation; and the response again.
std::string to_note(nlohmann::ordered_json response);
/// Nothing if the note is not one of to_note()'s.
std::optional<nlohmann::ordered_json> from_note(const std::string& note, const std::string& text);

}  // namespace chromatin::http
