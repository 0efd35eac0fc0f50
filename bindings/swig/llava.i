/* The C ABI of libllava for SWIG: one module, `Native`, over the headers as they are installed. What SWIG writes is internal;
 * users see the classes written by hand in bindings/java and bindings/csharp.
 *
 * Shape of what comes out, the same in both languages:
 *
 * - Handles (llava_model *, ...) are plain integers of pointer width; owning and freeing them is the hand-written classes' task.
 * - A function that returns a llava_status hands it to the language's check, which throws for failures and lets OK, END and
 *   WOULD_BLOCK through.
 * - Outputs are filled into what the caller gives: java.i and csharp.i say how.
 * - Option structs are classes whose constructor calls the `_init` function, with from_json() for all that is text, number or
 *   list, and accessors for the numbers and the cancel token. Structs the library fills have their struct_size set.
 *   So no layout is repeated in any language: what is compiled here knows it.
 * - Function pointers and their user data are left out: streams and the log are pulled. Progress and training events of long
 *   calls are heard on the thread that makes the call; java.i and csharp.i say how.
 *
 * swig -c++ -java -I<include> ... (bindings/java/build), swig -c++ -csharp ... (bindings/csharp).
 */
%module Native

%{
#include <llava/llava.h>

#include <cstring>
#include <new>
%}

/* int64_t is `long` here, which SWIG would make 32 bits wide. */
#define SWIGWORDSIZE64
%include <stdint.i>
%apply long long { long };
%apply unsigned long long { unsigned long };

/* ---- What no language takes as it stands ------------------------------------------------------------------------- */

/* Texts and buffers of the library are copied and freed by typemaps; only option structs keep a llava_buffer. */
%ignore llava_string_data;
%ignore llava_string_size;
%ignore llava_string_free;
%ignore llava_buffer_data;
%ignore llava_buffer_size;

/* Callbacks, and the pointer without a length: llava_tensor_copy_to_host() fills the caller's own memory. */
%ignore llava_log_set;
%ignore llava_tensor_data;
%rename("$ignore", %$isvariable, %$ismember, regexmatch$name="^(event|progress|event_user_data|progress_user_data)$") "";

/* Texts without a length where there is a form with one. */
%ignore llava_message_add_text;
%ignore llava_tokenize;
%ignore llava_response_text;

/* Texts and lists in option structs are set by from_json(), which owns their memory. */
%rename("$ignore", %$isvariable, %$ismember, regexmatch$decl="^p\\.", regexmatch$type="^q\\(const\\)") "";
%rename("$ignore", %$isvariable, %$ismember, regexmatch$name="^.*reserved$") "";

/* ---- The language's typemaps ------------------------------------------------------------------------------------- */

#if defined(SWIGJAVA)
%include "java.i"
#elif defined(SWIGCSHARP)
%include "csharp.i"
#endif

/* Every handle of the ABI: the language file defines LLAVA_HANDLE(type). */
LLAVA_HANDLE(llava_adapter)
LLAVA_HANDLE(llava_buffer)
LLAVA_HANDLE(llava_cancel)
LLAVA_HANDLE(llava_decoder)
LLAVA_HANDLE(llava_embedding)
LLAVA_HANDLE(llava_event)
LLAVA_HANDLE(llava_image)
LLAVA_HANDLE(llava_message)
LLAVA_HANDLE(llava_model)
LLAVA_HANDLE(llava_report)
LLAVA_HANDLE(llava_response)
LLAVA_HANDLE(llava_session)
LLAVA_HANDLE(llava_stream)
LLAVA_HANDLE(llava_tensor)
LLAVA_HANDLE(llava_trainer)

/* Lists of handles with their number: LLAVA_HANDLE_LIST(type, name, name of the number). */
LLAVA_HANDLE_LIST(llava_embedding, embeddings, embedding_count)
LLAVA_HANDLE_LIST(llava_image, images, count)
LLAVA_HANDLE_LIST(llava_message, messages, count)

/* Numbers that are filled in: LLAVA_NUMBER_OUT(type, name). */
LLAVA_INT32_OUT(int32_t, out)
LLAVA_INT32_OUT(int32_t, id)
LLAVA_INT32_OUT(llava_status, code)
LLAVA_INT64_OUT(int64_t, tokens)
LLAVA_INT64_OUT(int64_t, used)
LLAVA_INT64_OUT(int64_t, limit)
LLAVA_INT64_OUT(size_t, count)
LLAVA_INT64_OUT(size_t, id_count)
LLAVA_INT64_OUT(size_t, needed)
LLAVA_DOUBLE_OUT(double, value)
LLAVA_DOUBLE_OUT(double, loss)
LLAVA_DOUBLE_OUT(double, bytes_per_second)

/* ---- Structs ----------------------------------------------------------------------------------------------------- */

/* LLAVA_OPTIONS(stem): llava_<stem>_options, filled with defaults when it is made. */
%define LLAVA_OPTIONS(STEM)
LLAVA_OPTIONS_CLASS(llava_##STEM##_options)
%ignore llava_##STEM##_options_init;
%ignore llava_##STEM##_options_from_json;
%ignore llava_##STEM##_options::struct_size;
%extend llava_##STEM##_options {
  llava_##STEM##_options() {
    llava_##STEM##_options *options = new llava_##STEM##_options();
    llava_##STEM##_options_init(options, sizeof *options);
    return options;
  }
  ~llava_##STEM##_options() { delete $self; }
  /* Sets what `json` names and defaults for the rest (a cancel token set before is forgotten); `keep` goes to
   * llava_buffer_free() after the last use. */
  llava_status from_json(const char *json, llava_buffer **keep) {
    return llava_##STEM##_options_from_json($self, sizeof *$self, json, keep);
  }
  /* The size this binding was compiled with. */
  int64_t size() { return sizeof *$self; }
}
%enddef

LLAVA_OPTIONS(adapter)
LLAVA_OPTIONS(chat)
LLAVA_OPTIONS(dataset)
LLAVA_OPTIONS(encode)
LLAVA_OPTIONS(forward)
LLAVA_OPTIONS(image)
LLAVA_OPTIONS(load)
LLAVA_OPTIONS(save)
LLAVA_OPTIONS(session)
LLAVA_OPTIONS(template)
LLAVA_OPTIONS(train)

/* LLAVA_RESULT(name): a struct the library fills. */
%define LLAVA_RESULT(NAME)
%ignore NAME::struct_size;
%extend NAME {
  NAME() {
    NAME *result = new NAME();
    result->struct_size = sizeof *result;
    return result;
  }
  ~NAME() { delete $self; }
  /* The size this binding was compiled with. */
  int64_t size() { return sizeof *$self; }
}
%enddef

%immutable llava_device_desc::id; /* arrays have no way in */
%immutable llava_device_desc::name;
%immutable llava_embedding_desc::image_sha256;
%immutable llava_embedding_desc::model_fingerprint;
%immutable llava_image_desc::sha256;
%immutable llava_tensor_desc::shape;
LLAVA_RESULT(llava_device_desc)
LLAVA_RESULT(llava_device_usage)
LLAVA_RESULT(llava_embedding_desc)
LLAVA_RESULT(llava_image_desc)
LLAVA_RESULT(llava_limits)
LLAVA_RESULT(llava_model_usage)
LLAVA_RESULT(llava_session_usage)
LLAVA_RESULT(llava_tensor_desc)
LLAVA_RESULT(llava_train_metrics)
LLAVA_RESULT(llava_usage)

/* ---- The headers, in the order of their includes ------------------------------------------------------------------ */

%include <llava/base.h>
%include <llava/log.h>
%include <llava/device.h>
%include <llava/tensor.h>
%include <llava/image.h>
%include <llava/model.h>
%include <llava/checkpoint.h>
%include <llava/adapter.h>
%include <llava/encode.h>
%include <llava/message.h>
%include <llava/tokenizer.h>
%include <llava/session.h>
%include <llava/chat.h>
%include <llava/response.h>
%include <llava/dataset.h>
%include <llava/report.h>
%include <llava/train_options.h>
%include <llava/train.h>
