// confide-server: a model served privately from inside a TEE.
#include <CLI/CLI.hpp>

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

Clients check the service and talk to it with `confide chat`.
Exit codes: 0 stopped, 2 usage or unreadable input, 3 something needed is unavailable.)";

}  // namespace

int main(int argc, char** argv) {
  confide::server::ServeOptions options;
  CLI::App app{
      "Serves a model privately: TLS and end-to-end encryption end in this process, which "
      "attests itself and signs a receipt for every answer."};
  app.footer(kExamples);
  app.set_version_flag("--version", std::string(confide::ops::version()));

  app.add_option("--model", options.models,
                 "a model: a GGUF file, or NAME=FILE; may be given several times")
      ->required();
  app.add_option("--embedding-model", options.embedding_models,
                 "a model that makes vectors of texts, given as --model is");
  confide::server::declare_options(app, options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return confide::server::serve(options, std::vector<std::string>(argv + 1, argv + argc));
}
