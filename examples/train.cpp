// Own pictures and records to a model, Ctrl-C ends after the step: train MODEL DATA PICTURES OUT [STEPS]
//
// Stage 2, with an event for everything that happens. Called again with the same arguments it goes on where Ctrl-C stopped it,
// or, after a crash or a kill, from the last snapshot: here one is written every 50 steps.
#include <atomic>
#include <csignal>
#include <iostream>
#include <llava/llava.hpp>

namespace {

std::atomic<bool> stopped = false;

void on_interrupt(int) { stopped = true; }

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 5) throw std::runtime_error("usage: train MODEL DATA PICTURES OUT [STEPS]");
  llava::TrainOptions options;
  options.stage = 2;
  options.data = argv[2];
  options.image_root = argv[3];
  options.out_dir = argv[4];
  options.batch = 2;
  options.lr = 1e-4;
  options.save_every = 50;
  if (argc > 5) options.steps = std::stoll(argv[5]);
  options.event = [](const std::string& event) {  // {"event": "step", "step": 1, "loss": …} and others
    std::cout << event << std::endl;
    return !stopped;
  };
  std::cout << llava::train_plan(argv[1], options).json() << '\n';  // what will happen, before it does
  std::signal(SIGINT, on_interrupt);
  llava::Trainer trainer(argv[1], options);
  const bool through = trainer.run(/*steps=*/1'000'000'000);
  const auto metrics = trainer.metrics();
  std::cout << "step " << metrics.step << " of " << metrics.steps << ", loss " << metrics.loss << '\n';
  if (through) std::cout << "ask it: llava chat " << argv[4] << '\n';
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
