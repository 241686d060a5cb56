// confide-server: a model served privately from inside a TEE.
#include <CLI/CLI.hpp>

#include "check.h"
#include "keys.h"
#include "ops/version.h"
#include "options.h"
#include "serve.h"

namespace {

constexpr const char* kExamples = R"(
Examples:
  Try it out on any machine, with a simulated TEE (no hardware protects it):
    confide-server --model model.gguf --tee sim --state ./state
  Serve from inside an Intel TDX guest:
    confide-server --model model.gguf --listen 0.0.0.0:8443 --state /var/lib/confide
  Serve two models and vectors of texts:
    confide-server --model small=a.gguf --model big=b.gguf --embedding-model vectors=c.gguf
  Let in those with a key alone:
    confide-server keys new --file keys.toml --name alice --model '*' --requests-per-minute 60
    confide-server --model model.gguf --api-keys keys.toml

Clients check the service and talk to it with `confide chat`.
Exit codes: 0 stopped, 2 usage or unreadable input, 3 something needed is unavailable.)";

}  // namespace

int main(int argc, char** argv) {
  using namespace confide;
  server::ServeOptions options;
  bool check = false;
  bool json = false;
  int code = 0;
  CLI::App app{
      "Serves a model privately: TLS and end-to-end encryption end in this process, which "
      "attests itself and signs a receipt for every answer."};
  app.footer(kExamples);
  app.set_version_flag("--version", std::string(ops::version()));

  app.add_option("--model", options.models,
                 "a model: a GGUF file, or NAME=FILE; may be given several times");
  app.add_option("--embedding-model", options.embedding_models,
                 "a model that makes vectors of texts, given as --model is");
  server::declare_options(app, options);
  app.add_flag("--check-config", check, "look for all that is wrong with these options, and stop");
  app.add_flag("--json", json, "with --check-config: one JSON document on stdout");
  server::declare_keys(app, code);

  try {
    app.parse(argc, argv);
    if (!app.get_subcommands().empty()) return code;
    // A subcommand needs none.
    if (options.models.empty()) throw CLI::RequiredError("--model");
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (check) return server::check_config(options, json);
  return server::serve(options, std::vector<std::string>(argv + 1, argv + argc));
}
