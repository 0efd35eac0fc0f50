/* Typemaps of llava.i for Java. Texts cross as real UTF-8 in byte arrays (JNI's own strings are "modified UTF-8", which breaks
 * what lies beyond U+FFFF and NUL); handles are `long`; outputs are arrays the caller gives: long[] for handles and counts,
 * int[], double[], byte[][] for texts. No exception is thrown in C++: a status goes to Failure.check() in Java, on the same
 * thread, so that llava_last_error() still is its own.
 *
 * Written by hand beside this and used here: org.llava.Text (utf8, utf8z, string), org.llava.Failure (check),
 * org.llava.OptionsStruct and HearingStruct, org.llava.Hearing (event, progress). */
%pragma(java) jniclassclassmodifiers = "final class"
%pragma(java) moduleclassmodifiers = "final class"
%pragma(java) jniclasscode = %{
  static {
    NativeLibrary.load();
    if (llava_check_abi(NativeConstants.LLAVA_ABI_VERSION) != 0) {
      throw new UnsatisfiedLinkError(Text.string(llava_last_error()));
    }
  }
%}
%typemap(javaclassmodifiers) SWIGTYPE "final class"
%typemap(javafinalize) SWIGTYPE ""
%javaconst(1);

%{
namespace {

/* A text of the library as a byte[]; null where memory is short, with Java's exception pending. */
jbyteArray bytes_of(JNIEnv *env, const void *data, size_t size) {
  jbyteArray array = env->NewByteArray(static_cast<jsize>(size));
  if (array) env->SetByteArrayRegion(array, 0, static_cast<jsize>(size), static_cast<const jbyte *>(data));
  return array;
}

/* Puts a text into the first place of a byte[][]. */
void put_text(JNIEnv *env, jobjectArray out, const void *data, size_t size) {
  if (!out) return;
  jbyteArray array = bytes_of(env, data, size);
  if (!array) return;
  env->SetObjectArrayElement(out, 0, array);
  env->DeleteLocalRef(array);
}

/* Memory of a direct ByteBuffer, or the elements of a byte[], for the time of a call. Lives on the stack: nothing here throws. */
class Memory {
 public:
  Memory() = default;
  ~Memory() {
    if (array_ && data_) env_->ReleaseByteArrayElements(array_, static_cast<jbyte *>(data_), write_ ? 0 : JNI_ABORT);
  }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  void open(JNIEnv *env, jobject object, bool write) {
    if (!object) return;
    env_ = env;
    write_ = write;
    data_ = env->GetDirectBufferAddress(object);
    if (data_) {
      size_ = static_cast<size_t>(env->GetDirectBufferCapacity(object));
      return;
    }
    jclass byte_array = env->FindClass("[B");
    if (!byte_array || !env->IsInstanceOf(object, byte_array)) return;
    array_ = static_cast<jbyteArray>(object);
    size_ = static_cast<size_t>(env->GetArrayLength(array_));
    data_ = env->GetByteArrayElements(array_, nullptr);
  }
  void *data() const { return data_; }
  size_t size() const { return data_ ? size_ : 0; }

 private:
  JNIEnv *env_ = nullptr;
  bool write_ = false;
  jbyteArray array_ = nullptr;
  void *data_ = nullptr;
  size_t size_ = 0;
};

/* The numbers of a long[] as pointers; long lists are rare. */
template <typename Pointer>
class Pointers {
 public:
  Pointers() = default;
  ~Pointers() { delete[] many_; }
  Pointers(const Pointers &) = delete;
  Pointers &operator=(const Pointers &) = delete;

  void open(JNIEnv *env, jlongArray array) {
    size_ = array ? env->GetArrayLength(array) : 0;
    if (size_ > kFew) {
      many_ = new (std::nothrow) Pointer[static_cast<size_t>(size_)];
      if (!many_) size_ = 0; // the library refuses an empty list
    }
    for (jsize i = 0; i < size_; ++i) {
      jlong value = 0;
      env->GetLongArrayRegion(array, i, 1, &value);
      data()[i] = reinterpret_cast<Pointer>(value);
    }
  }
  /* Writes what the library has put in their place back. */
  void put(JNIEnv *env, jlongArray array) {
    for (jsize i = 0; i < size_; ++i) {
      const jlong value = reinterpret_cast<jlong>(data()[i]);
      env->SetLongArrayRegion(array, i, 1, &value);
    }
  }
  Pointer *data() { return size_ == 0 ? nullptr : many_ ? many_ : few_; }
  jsize size() const { return size_; }

 private:
  static constexpr jsize kFew = 4;
  jsize size_ = 0;
  Pointer few_[kFew] = {};
  Pointer *many_ = nullptr;
};

}  // namespace
%}

/* LLAVA_JAVA(types, JNI type, Java type): what crosses unchanged. */
%define LLAVA_JAVA(JNI, JAVA, TYPES...)
%typemap(jni) TYPES "JNI"
%typemap(jtype) TYPES "JAVA"
%typemap(jstype) TYPES "JAVA"
%typemap(javain) TYPES "$javainput"
%typemap(javaout) TYPES { return $jnicall; }
%typemap(freearg) TYPES ""
%enddef

/* ---- Status ------------------------------------------------------------------------------------------------------ */

LLAVA_JAVA(jint, int, llava_status)
%typemap(in) llava_status "$1 = $input;"
%typemap(out) llava_status "$result = $1;"
%typemap(javaout) llava_status { return Failure.check($jnicall); }
%typemap(javaout) llava_status llava_last_error_status { return $jnicall; }
%typemap(javaout) llava_status llava_last_error_json { return $jnicall; }

/* ---- Texts ------------------------------------------------------------------------------------------------------- */

/* In: ends with NUL, which Text.utf8z() puts there. */
LLAVA_JAVA(jbyteArray, byte[], const char *)
%typemap(jstype) const char * "String"
%typemap(javain) const char * "Text.utf8z($javainput)"
%typemap(javaout) const char * { return Text.string($jnicall); }
%typemap(in) const char * (Memory memory) {
  memory.open(jenv, $input, false);
  $1 = static_cast<char *>(memory.data());
}
%typemap(out) const char * "$result = $1 ? bytes_of(jenv, $1, std::strlen($1)) : nullptr;"

/* Fixed arrays inside structs. */
LLAVA_JAVA(jbyteArray, byte[], char [ANY])
%typemap(jstype) char [ANY] "String"
%typemap(javaout) char [ANY] { return Text.string($jnicall); }
%typemap(out) char [ANY] "$result = bytes_of(jenv, $1, strnlen($1, $1_dim0));"
LLAVA_JAVA(jlongArray, long[], int64_t [ANY])
%typemap(out) int64_t [ANY] {
  $result = jenv->NewLongArray($1_dim0);
  if ($result) jenv->SetLongArrayRegion($result, 0, $1_dim0, reinterpret_cast<const jlong *>($1));
}

/* With a length, NUL allowed. */
LLAVA_JAVA(jbyteArray, byte[], (const char *text, size_t size))
%typemap(jstype) (const char *text, size_t size) "String"
%typemap(javain) (const char *text, size_t size) "Text.utf8($javainput)"
%typemap(in) (const char *text, size_t size) (Memory memory) {
  memory.open(jenv, $input, false);
  $1 = static_cast<char *>(memory.data());
  $2 = memory.size();
}

/* Returned with a length beside: the length decides. */
%typemap(in, numinputs = 0) size_t *size (size_t length = 0) "$1 = &length;"
%typemap(argout) size_t *size "$result = bytes_of(jenv, result, *$1);"
%typemap(out) const char *llava_event_text, const char *llava_message_text, const char *llava_response_text_n ""

LLAVA_JAVA(jobjectArray, byte[][], (const char **text, size_t *size))
%typemap(in) (const char **text, size_t *size) (const char *piece = "", size_t length = 0) {
  $1 = ($1_ltype)&piece;
  $2 = &length;
}
%typemap(argout) (const char **text, size_t *size) "put_text(jenv, $input, *$1, *$2);"

/* Texts the library makes: copied, then freed. */
LLAVA_JAVA(jobjectArray, byte[][], llava_string **out)
%typemap(in) llava_string **out (llava_string *text = nullptr) "$1 = &text;"
%typemap(argout) llava_string **out {
  if (*$1) put_text(jenv, $input, llava_string_data(*$1), llava_string_size(*$1));
  llava_string_free(*$1);
}

/* ---- Memory: a direct ByteBuffer or a byte[] ----------------------------------------------------------------------- */

%define LLAVA_MEMORY(CONST, DATA, SIZE, WRITE)
LLAVA_JAVA(jobject, Object, (CONST *DATA, size_t SIZE))
%typemap(in) (CONST *DATA, size_t SIZE) (Memory memory) {
  memory.open(jenv, $input, WRITE);
  $1 = static_cast<$1_ltype>(memory.data());
  $2 = memory.size();
}
%enddef
LLAVA_MEMORY(const void, bytes, size, false)
LLAVA_MEMORY(void, dst, capacity, true)
LLAVA_MEMORY(char, buffer, capacity, true)

/* Without a length beside: the hand-written class has compared it with width, height, shape. */
%define LLAVA_MEMORY_ALONE(DATA)
LLAVA_JAVA(jobject, Object, const void *DATA)
%typemap(in) const void *DATA (Memory memory) {
  memory.open(jenv, $input, false);
  $1 = memory.data();
}
%enddef
LLAVA_MEMORY_ALONE(pixels)
LLAVA_MEMORY_ALONE(data)

/* ---- Lists of numbers -------------------------------------------------------------------------------------------- */

%define LLAVA_LIST(TYPE, JAVA, JNI, NAME, COUNT_TYPE, COUNT)
LLAVA_JAVA(j##JAVA##Array, JAVA[], (const TYPE *NAME, COUNT_TYPE COUNT))
%typemap(in) (const TYPE *NAME, COUNT_TYPE COUNT) (j##JAVA *elements = nullptr) {
  elements = $input ? jenv->Get##JNI##ArrayElements($input, nullptr) : nullptr;
  $1 = ($1_ltype)elements;
  $2 = elements ? jenv->GetArrayLength($input) : 0;
}
%typemap(freearg) (const TYPE *NAME, COUNT_TYPE COUNT) {
  if (elements$argnum) jenv->Release##JNI##ArrayElements($input, elements$argnum, JNI_ABORT);
}
%enddef
LLAVA_LIST(int32_t, int, Int, ids, int64_t, id_count)
LLAVA_LIST(int32_t, int, Int, ids, size_t, count)
LLAVA_LIST(int64_t, long, Long, shape, int32_t, rank)

/* Filled: int[], null to ask for the number. */
LLAVA_JAVA(jintArray, int[], (int32_t *ids, size_t capacity))
%typemap(in) (int32_t *ids, size_t capacity) (jint *elements = nullptr) {
  elements = $input ? jenv->GetIntArrayElements($input, nullptr) : nullptr;
  $1 = reinterpret_cast<int32_t *>(elements);
  $2 = elements ? static_cast<size_t>(jenv->GetArrayLength($input)) : 0;
}
%typemap(freearg) (int32_t *ids, size_t capacity) {
  if (elements$argnum) jenv->ReleaseIntArrayElements($input, elements$argnum, 0);
}

/* ---- Single numbers that are filled in ------------------------------------------------------------------------------ */

%define LLAVA_NUMBER_OUT(TYPE, NAME, JAVA, JNI)
LLAVA_JAVA(j##JAVA##Array, JAVA[], TYPE *NAME)
%typemap(in) TYPE *NAME (TYPE number = 0) "$1 = &number;"
%typemap(argout) TYPE *NAME {
  j##JAVA value = static_cast<j##JAVA>(*$1);
  if ($input) jenv->Set##JNI##ArrayRegion($input, 0, 1, &value);
}
%enddef
%define LLAVA_INT32_OUT(TYPE, NAME) LLAVA_NUMBER_OUT(TYPE, NAME, int, Int) %enddef
%define LLAVA_INT64_OUT(TYPE, NAME) LLAVA_NUMBER_OUT(TYPE, NAME, long, Long) %enddef
%define LLAVA_DOUBLE_OUT(TYPE, NAME) LLAVA_NUMBER_OUT(TYPE, NAME, double, Double) %enddef

/* ---- Handles ----------------------------------------------------------------------------------------------------- */

%define LLAVA_HANDLE(TYPE)
LLAVA_JAVA(jlong, long, TYPE *, const TYPE *)
%typemap(in) TYPE *, const TYPE * "$1 = reinterpret_cast<TYPE *>($input);"
%typemap(out) TYPE *, const TYPE * "$result = reinterpret_cast<jlong>($1);"
LLAVA_JAVA(jlongArray, long[], TYPE **)
/* As many as the caller's array has places: one, or `count` for llava_encode_images(). */
%typemap(in) TYPE ** (Pointers<TYPE *> handles) {
  handles.open(jenv, $input);
  $1 = handles.data();
}
%typemap(argout) TYPE ** "handles$argnum.put(jenv, $input);"
%enddef

%define LLAVA_HANDLE_LIST(TYPE, NAME, COUNT)
LLAVA_JAVA(jlongArray, long[], (const TYPE *const *NAME, int32_t COUNT))
%typemap(in) (const TYPE *const *NAME, int32_t COUNT) (Pointers<const TYPE *> handles) {
  handles.open(jenv, $input);
  $1 = ($1_ltype)handles.data();
  $2 = handles.size();
}
%enddef

/* ---- Option structs share an interface ------------------------------------------------------------------------------ */

#define LLAVA_OPTIONS_CLASS(NAME)
%typemap(javainterfaces) llava_adapter_options, llava_chat_options, llava_encode_options, llava_forward_options, llava_image_options,
    llava_session_options, llava_template_options "OptionsStruct"

/* ---- Callbacks: heard on the thread that makes the call, and on no other -------------------------------------------- */

%{
namespace {

/* What org.llava.Hearing hears. It keeps what the user's code throws, so nothing is pending when the library goes on. */
class Listener {
 public:
  Listener(JNIEnv *env, jobject hearing) : hearing_(env->NewGlobalRef(hearing)) {
    env->GetJavaVM(&machine_);
    jclass type = env->GetObjectClass(hearing);
    event_ = env->GetMethodID(type, "event", "([B)I");
    progress_ = env->GetMethodID(type, "progress", "([BJJ[B)I");
    env->DeleteLocalRef(type);
  }
  Listener(const Listener &) = delete;
  Listener &operator=(const Listener &) = delete;

  void end(JNIEnv *env) {
    env->DeleteGlobalRef(hearing_);
    delete this;
  }

  static int32_t event(const char *text, void *self) noexcept {
    const Listener &listener = *static_cast<Listener *>(self);
    return listener.tell([&](JNIEnv *env) -> jint {
      const jbyteArray bytes = bytes_of(env, text, std::strlen(text));
      return bytes ? env->CallIntMethod(listener.hearing_, listener.event_, bytes) : -1;
    });
  }

  static int32_t progress(const char *phase, int64_t done, int64_t total, const char *item, void *self) noexcept {
    const Listener &listener = *static_cast<Listener *>(self);
    return listener.tell([&](JNIEnv *env) -> jint {
      const jbyteArray kind = bytes_of(env, phase, std::strlen(phase));
      const jbyteArray what = kind ? bytes_of(env, item, std::strlen(item)) : nullptr;
      return what ? env->CallIntMethod(listener.hearing_, listener.progress_, kind, static_cast<jlong>(done),
                                       static_cast<jlong>(total), what)
                  : -1;
    });
  }

 private:
  ~Listener() = default;

  /* A long call tells many things: what each makes in Java goes with it. */
  template <typename Call>
  int32_t tell(Call &&call) const noexcept {
    constexpr jint kObjects = 4;
    void *found = nullptr;
    if (machine_->GetEnv(&found, JNI_VERSION_1_8) != JNI_OK) return -1;
    JNIEnv *const env = static_cast<JNIEnv *>(found);
    if (env->PushLocalFrame(kObjects) != 0) return forget(env);
    const jint answer = call(env);
    const bool failed = env->ExceptionCheck();
    env->PopLocalFrame(nullptr);
    return failed ? forget(env) : answer;
  }

  /* Memory is short. */
  static int32_t forget(JNIEnv *env) {
    env->ExceptionClear();
    return -1;
  }

  JavaVM *machine_ = nullptr;
  const jobject hearing_;
  jmethodID event_ = nullptr, progress_ = nullptr;
};

}  // namespace
%}

%typemap(in, numinputs = 0) JNIEnv *jenv "$1 = jenv;"
LLAVA_JAVA(jobject, Object, jobject hearing)
%typemap(in) jobject hearing "$1 = $input;"
%define LLAVA_JAVA_HEARS(TYPE, FIELD, HEARS)
%typemap(javainterfaces) TYPE "HearingStruct"
%extend TYPE {
  void hear(JNIEnv *jenv, jobject hearing) {
    $self->FIELD##_user_data = new Listener(jenv, hearing);
    $self->FIELD = Listener::HEARS;
  }
  void deaf(JNIEnv *jenv) {
    static_cast<Listener *>($self->FIELD##_user_data)->end(jenv);
    $self->FIELD##_user_data = nullptr;
    $self->FIELD = nullptr;
  }
}
%enddef
LLAVA_JAVA_HEARS(llava_dataset_options, progress, progress)
LLAVA_JAVA_HEARS(llava_load_options, progress, progress)
LLAVA_JAVA_HEARS(llava_save_options, progress, progress)
LLAVA_JAVA_HEARS(llava_train_options, event, event)
