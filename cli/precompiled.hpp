// Precompiled header of the command: what most of its files include, and nothing of its own.
#pragma once

#include <algorithm>
#include <iostream>
#include <llava/llava.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
