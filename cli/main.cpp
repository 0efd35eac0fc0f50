// The command `llava`: see and talk from a shell.
#include <iostream>

#include "common.hpp"
#include "verbs.hpp"

namespace {

using namespace llava_cli;

int complain(const char* what, int code) {
  std::cerr << "llava: " << what << '\n';
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Ask a LLaVA about pictures, and look inside it.", "llava");
  app.set_version_flag("--version", "llava " + llava::version());
  app.require_subcommand(1);
  app.footer(kExitCodes);
  app.failure_message(CLI::FailureMessage::simple);
  add_chat(app);
  add_info(app);
  add_research(app);
  add_bench(app);
  add_show(app);
  try {
    app.parse(argc, argv);
    return kDone;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  } catch (const UsageError& error) {
    return complain(error.what(), kUsage);
  } catch (const llava::Error& error) {
    return complain(error.what(), exit_code(error.code()));
  } catch (const std::exception& error) {
    return complain(error.what(), kFailed);
  }
}
