/* What SWIG needs to know for C#: handles are SafeHandles (bindings/csharp/Shared/Internal/Handles.cs), so that a call keeps what
 * it was given alive; texts are UTF-8 bytes; sizes are UIntPtr; the caller's memory is an IntPtr that the classes written by hand
 * have pinned. A status goes to Failure.Check(), which throws. All of it is internal to the assembly. */

%pragma(csharp) moduleclassmodifiers="internal static class"
%pragma(csharp) imclassclassmodifiers="internal static class"
%csconst(1);
%typemap(csclassmodifiers) SWIGTYPE, SWIGTYPE *, SWIGTYPE [], SWIGTYPE &, SWIGTYPE (CLASS::*) "internal class"

/* ---- Statuses ------------------------------------------------------------------------------------------------------ */

%typemap(ctype) llava_status "int"
%typemap(imtype) llava_status "int"
%typemap(cstype) llava_status "int"
%typemap(csout, excode=SWIGEXCODE) llava_status {
    return global::Llava.Internal.Failure.Check($imcall);
  }
%typemap(csout, excode=SWIGEXCODE) llava_status llava_last_error_status {
    return $imcall;
  }
%typemap(csout, excode=SWIGEXCODE) llava_status llava_last_error_json {
    return $imcall;
  }

/* ---- Numbers that are filled in, sizes, memory of the caller --------------------------------------------------------- */

%define LLAVA_CSHARP_OUT(TYPE, NAME, CSTYPE)
%typemap(ctype) TYPE *NAME "void *"
%typemap(imtype) TYPE *NAME "out CSTYPE"
%typemap(cstype) TYPE *NAME "out CSTYPE"
%typemap(csin) TYPE *NAME "out $csinput"
%typemap(in) TYPE *NAME "$1 = ($1_ltype)$input;"
%enddef
#define LLAVA_INT32_OUT(TYPE, NAME) LLAVA_CSHARP_OUT(TYPE, NAME, int)
#define LLAVA_INT64_OUT(TYPE, NAME) LLAVA_CSHARP_OUT(TYPE, NAME, long)
#define LLAVA_DOUBLE_OUT(TYPE, NAME) LLAVA_CSHARP_OUT(TYPE, NAME, double)

%define LLAVA_CSHARP_POINTER(TYPE)
%typemap(ctype) TYPE "void *"
%typemap(imtype) TYPE "global::System.IntPtr"
%typemap(cstype) TYPE "global::System.IntPtr"
%typemap(csin) TYPE "$csinput"
%typemap(csout, excode=SWIGEXCODE) TYPE {
    return $imcall;
  }
%typemap(in) TYPE "$1 = ($1_ltype)$input;"
%typemap(out) TYPE "$result = (void *)$1;"
%enddef
LLAVA_CSHARP_POINTER(void *)
LLAVA_CSHARP_POINTER(const void *)
LLAVA_CSHARP_POINTER(char *buffer)
LLAVA_CSHARP_POINTER(int32_t *ids)
LLAVA_CSHARP_POINTER(const int32_t *ids)
LLAVA_CSHARP_POINTER(const int64_t *shape)

%typemap(ctype) size_t "size_t"
%typemap(imtype) size_t "global::System.UIntPtr"
%typemap(cstype) size_t "long"
%typemap(csin) size_t "new global::System.UIntPtr((ulong)$csinput)"
%typemap(csout, excode=SWIGEXCODE) size_t {
    return (long)$imcall.ToUInt64();
  }
%typemap(in) size_t "$1 = $input;"
%typemap(out) size_t "$result = $1;"
/* Written as 64 bits: this package is for 64-bit systems alone, which the loader checks. */
LLAVA_CSHARP_OUT(size_t, size, long)

/* ---- Texts --------------------------------------------------------------------------------------------------------- */

%typemap(ctype) const char * "const char *"
%typemap(imtype, out="global::System.IntPtr") const char * "byte[]"
%typemap(cstype) const char * "string"
%typemap(csin) const char * "global::Llava.Internal.Utf8.Terminated($csinput, \"$csinput\")"
%typemap(csout, excode=SWIGEXCODE) const char * {
    return global::Llava.Internal.Utf8.Read($imcall);
  }
%typemap(in) const char * "$1 = ($1_ltype)$input;"
%typemap(out) const char * "$result = $1;"

/* A text whose length comes beside it may hold NUL. */
%typemap(csin) const char *text "global::Llava.Internal.Utf8.Bytes($csinput, \"$csinput\")"
%define LLAVA_CSHARP_SIZED_TEXT(FUNCTION)
%typemap(cstype) const char *FUNCTION "global::System.IntPtr"
%typemap(csout, excode=SWIGEXCODE) const char *FUNCTION {
    return $imcall;
  }
%enddef
LLAVA_CSHARP_SIZED_TEXT(llava_event_text)
LLAVA_CSHARP_SIZED_TEXT(llava_message_text)
LLAVA_CSHARP_SIZED_TEXT(llava_response_text_n)
LLAVA_CSHARP_SIZED_TEXT(llava_csharp_text)
LLAVA_CSHARP_OUT(const char *, text, global::System.IntPtr)

/* Texts and lists inside structs. */
%typemap(ctype) char [ANY] "const char *"
%typemap(imtype) char [ANY] "global::System.IntPtr"
%typemap(cstype) char [ANY] "string"
%typemap(csvarout, excode=SWIGEXCODE2) char [ANY] %{
    get {
      return global::Llava.Internal.Utf8.Read($imcall);
    } %}
%typemap(out) char [ANY] "$result = $1;"
%typemap(ctype) int64_t [ANY] "void *"
%typemap(imtype) int64_t [ANY] "global::System.IntPtr"
%typemap(cstype) int64_t [ANY] "long[]"
%typemap(csvarout, excode=SWIGEXCODE2) int64_t [ANY] %{
    get {
      var values = new long[$1_dim0];
      global::System.Runtime.InteropServices.Marshal.Copy($imcall, values, 0, values.Length);
      return values;
    } %}
%typemap(out) int64_t [ANY] "$result = $1;"

/* A text of the library is copied and freed. */
%typemap(ctype) llava_string **out "void *"
%typemap(imtype) llava_string **out "out global::System.IntPtr"
%typemap(cstype) llava_string **out "out string"
%typemap(csin, pre="    global::System.IntPtr owned$csinput = global::System.IntPtr.Zero;",
         post="      $csinput = global::Llava.Internal.Utf8.Take(owned$csinput);") llava_string **out "out owned$csinput"
%typemap(in) llava_string **out "$1 = ($1_ltype)$input;"
%inline %{
const char *llava_csharp_text(void *string) { return llava_string_data(static_cast<llava_string *>(string)); }
size_t llava_csharp_text_size(void *string) { return llava_string_size(static_cast<llava_string *>(string)); }
void llava_csharp_text_free(void *string) { llava_string_free(static_cast<llava_string *>(string)); }
%}

/* ---- Handles ------------------------------------------------------------------------------------------------------- */

/* SafeHandles in and out; freed by the address alone, which is all a SafeHandle has left then. */
%define LLAVA_CSHARP_HANDLE(TYPE, HANDLE)
%typemap(ctype) TYPE *, const TYPE * "void *"
%typemap(imtype) TYPE *, const TYPE * "global::Llava.Internal.HANDLE"
%typemap(cstype) TYPE *, const TYPE * "global::Llava.Internal.HANDLE"
%typemap(csin) TYPE *, const TYPE * "$csinput"
%typemap(csvarin, excode=SWIGEXCODE2) TYPE * %{
    [global::System.Runtime.CompilerServices.MethodImpl(global::System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    set {
      $imcall;
    } %}
%typemap(csvarout) TYPE * ""
%typemap(in) TYPE *, const TYPE * "$1 = ($1_ltype)$input;"
%typemap(out) TYPE * "$result = (void *)$1;"
%typemap(ctype) TYPE ** "void *"
%typemap(imtype) TYPE ** "out global::Llava.Internal.HANDLE"
%typemap(cstype) TYPE ** "out global::Llava.Internal.HANDLE"
%typemap(csin) TYPE ** "out $csinput"
%typemap(in) TYPE ** "$1 = ($1_ltype)$input;"
%ignore TYPE##_retain;
%ignore TYPE##_free;
%inline {
void TYPE##_release(void *handle) { TYPE##_free(static_cast<TYPE *>(handle)); }
}
%enddef
LLAVA_CSHARP_HANDLE(llava_adapter, AdapterHandle)
LLAVA_CSHARP_HANDLE(llava_cancel, CancelHandle)
LLAVA_CSHARP_HANDLE(llava_decoder, DecoderHandle)
LLAVA_CSHARP_HANDLE(llava_embedding, EmbeddingHandle)
LLAVA_CSHARP_HANDLE(llava_image, ImageHandle)
LLAVA_CSHARP_HANDLE(llava_message, MessageHandle)
LLAVA_CSHARP_HANDLE(llava_model, ModelHandle)
LLAVA_CSHARP_HANDLE(llava_report, ReportHandle)
LLAVA_CSHARP_HANDLE(llava_response, ResponseHandle)
LLAVA_CSHARP_HANDLE(llava_session, SessionHandle)
LLAVA_CSHARP_HANDLE(llava_stream, StreamHandle)
LLAVA_CSHARP_HANDLE(llava_tensor, TensorHandle)
LLAVA_CSHARP_HANDLE(llava_trainer, TrainerHandle)

/* These live for a call: an address is enough. */
LLAVA_CSHARP_POINTER(llava_event *)
LLAVA_CSHARP_POINTER(const llava_event *)
LLAVA_CSHARP_POINTER(llava_buffer *)
LLAVA_CSHARP_OUT(llava_event *, event, global::System.IntPtr)
LLAVA_CSHARP_OUT(llava_buffer *, keep, global::System.IntPtr)

#define LLAVA_HANDLE(TYPE)

/* A list of handles: an array of addresses, whose handles the caller holds. The one list that comes out is filled likewise. */
%define LLAVA_HANDLE_LIST(TYPE, NAME, COUNT)
LLAVA_CSHARP_POINTER(const TYPE *const *NAME)
%enddef
LLAVA_CSHARP_POINTER(const llava_image *const *images)
%inline %{
llava_status llava_csharp_encode_images(llava_model *model, const llava_image *const *images, int32_t count,
                                        const llava_encode_options *options, void *embeddings) {
  return llava_encode_images(model, images, count, options, static_cast<llava_embedding **>(embeddings));
}
%}
%ignore llava_encode_images;

/* ---- Option structs ------------------------------------------------------------------------------------------------ */

%define LLAVA_OPTIONS_CLASS(TYPE)
%typemap(cscode) TYPE %{
  private global::System.IntPtr kept;

  public void Fill(string json) {
    from_json(json, out kept);
  }
%}
%typemap(csdisposing, methodname="Dispose", methodmodifiers="protected", parameters="bool disposing") TYPE {
    lock(this) {
      if (swigCPtr.Handle != global::System.IntPtr.Zero) {
        if (swigCMemOwn) {
          swigCMemOwn = false;
          $imcall;
          Native.llava_buffer_free(kept);
        }
        swigCPtr = new global::System.Runtime.InteropServices.HandleRef(null, global::System.IntPtr.Zero);
      }
    }
  }
%enddef

%typemap(csinterfaces) llava_adapter_options, llava_chat_options, llava_encode_options, llava_forward_options, llava_image_options,
    llava_session_options, llava_template_options "global::Llava.Internal.IOptions"

/* Progress and events are heard on the thread that made the call: no other thread ever enters the runtime. */
%define LLAVA_CSHARP_HEARS(TYPE, FIELD, FUNCTION)
%typemap(csinterfaces) TYPE "global::Llava.Internal.IHearingOptions"
%extend TYPE {
  void hear(void *callback) { $self->FIELD = reinterpret_cast<FUNCTION>(callback); }
}
%enddef
LLAVA_CSHARP_HEARS(llava_dataset_options, progress, llava_load_progress_fn)
LLAVA_CSHARP_HEARS(llava_load_options, progress, llava_load_progress_fn)
LLAVA_CSHARP_HEARS(llava_save_options, progress, llava_load_progress_fn)
LLAVA_CSHARP_HEARS(llava_train_options, event, llava_train_event_fn)
