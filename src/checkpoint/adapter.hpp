// LoRA adapters of a loaded model: in memory beside it, as many as wanted; a call chooses one, or none, with a scale.
// The model's weights stay mapped and unwritten: with_adapter() gives another Bundle that shares them. What was trained
// on a quantised base (QLoRA) is the same here; the base is the f16 or bf16 model.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/adapter_files.hpp"
#include "checkpoint/bundle.hpp"
#include "model/adaptation.hpp"

namespace llava::core {

/// Never changes once it is loaded.
struct Adapter {
  std::string name;
  AdapterFiles files;
  std::string fingerprint;  // 32 hex digits over configuration and every byte of its tensors
  std::string model;        // fingerprint of the model it was matched with
  Adaptation adaptation;    // on the model's device
};

struct AdapterOptions {
  std::string name;     // "" = the folder's
  bool verify = false;  // look for NaN and infinity
  Cancel cancel;
};

/// Loads the folder `path` for the model of `base`, itself without an adapter; mapped where that one is. Throws what open_adapter() throws.
std::shared_ptr<const Adapter> load_adapter(const Bundle& base, const std::string& path, const AdapterOptions& options);

/// The model with the adapter: products times `scale`; tensors that the adapter replaces are replaced at any scale.
/// Cheap: no weight is copied. Throws Error(argument) for an adapter of another model and a scale that is not finite.
std::shared_ptr<const Bundle> with_adapter(std::shared_ptr<const Bundle> base, std::shared_ptr<const Adapter> adapter,
                                           double scale);

/// Throws Error(argument) for NaN, infinity, and what exceeds kMostScale.
void check_scale(double scale);

/// What a call wants. Without a name: the attached adapter at its scale; "" = none.
struct AdapterChoice {
  std::optional<std::string> name;
  double scale = 1;
};

/// The adapters of one model. Any thread may call at any time: whoever took a Bundle keeps it as it was, and what is
/// attached or detached counts for the calls that begin afterwards.
class Adapters {
 public:
  /// A bundle that was loaded with an adapter begins with that one attached.
  explicit Adapters(const std::shared_ptr<const Bundle>& loaded);

  const std::shared_ptr<const Bundle>& base() const { return base_; }

  /// Error(argument) when one of that name is in memory. It stays there while somebody holds the result, or while it is
  /// attached.
  std::shared_ptr<const Adapter> load(const std::string& path, const AdapterOptions& options);

  /// For all calls that choose nothing. Error(state) while one is attached, Error(argument) as with_adapter().
  void attach(const std::shared_ptr<const Adapter>& adapter, double scale);

  /// Error(state) when none is attached.
  void detach();

  /// Error(not_found) for a name that no adapter in memory has.
  std::shared_ptr<const Bundle> choose(const AdapterChoice& choice) const;
  std::shared_ptr<const Bundle> current() const { return choose({}); }

  /// [{"name": …, "attached": true, "scale": 1, …}, …], in the order of names.
  Json describe() const;

 private:
  std::shared_ptr<const Adapter> find(const std::string& name) const;

  const std::shared_ptr<const Bundle> base_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Bundle> current_;
  std::vector<std::weak_ptr<const Adapter>> loaded_;
};

/// Name, path, files, rank, alpha, layers, replaced tensors, parameters and bytes.
Json describe(const Adapter& adapter);
Json describe(const AdapterFiles& files);

}  // namespace llava::core
