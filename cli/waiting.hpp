// How the threads of an operation wait for each other.
#pragma once

namespace llava_cli {

/// Starts the program anew with OMP_WAIT_POLICY=passive, unless the user chose a policy or the verb computes nothing.
/// OpenMP's threads wait by spinning; where another program holds one of their cores, all spin until it lets go: on a
/// machine with two busy cores models/scenes read its prompt at 450 tokens/s so, and at 12 000 sleeping. The runtime
/// looks at its environment when it is loaded, before main(), so setting it here would be too late.
void wait_without_spinning(int argc, char** argv);

}  // namespace llava_cli
