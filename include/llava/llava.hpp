/**
 * @file llava.hpp
 * libllava for C++17: the C interface of llava.h with classes, exceptions and iterators. Header-only, so that any
 * compiler may call the one library; each class is one handle, a pointer wide, without state of its own. Copies share,
 * moves steal, destruction frees. A call that fails throws llava::Error.
 *
 * @code
 * llava::Model model = llava::load("llava-1.5-7b-hf");
 * llava::Session session(model);
 * for (const llava::Event& event : session.stream(llava::user(llava::Image("cat.jpg"), "What is this?")))
 *   std::cout << event.text();
 * @endcode
 */
#ifndef LLAVA_LLAVA_HPP
#define LLAVA_LLAVA_HPP

#include "hpp/adapter.hpp"
#include "hpp/base.hpp"
#include "hpp/chat.hpp"
#include "hpp/checkpoint.hpp"
#include "hpp/dataset.hpp"
#include "hpp/device.hpp"
#include "hpp/image.hpp"
#include "hpp/message.hpp"
#include "hpp/model.hpp"
#include "hpp/session.hpp"
#include "hpp/tensor.hpp"
#include "hpp/train.hpp"
#include "hpp/train_options.hpp"

#endif
