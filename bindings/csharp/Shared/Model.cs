// Models: loading, asking, encoding.
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Llava.Internal;

namespace Llava
{
    /// <summary>A loaded model; any number of threads may use it at once.</summary>
    public sealed partial class Model : LlavaObject
    {
        /// <summary>The id that stands for a picture among raw token ids.</summary>
        public const int ImageToken = -200;

        private Model(ModelHandle handle) : base(handle)
        {
        }

        internal ModelHandle Handle
        {
            get { return (ModelHandle)Open(); }
        }

        /// <summary>All that is known about the model: path, family, layout, sizes, template and why, sampling.</summary>
        public Json Info
        {
            get
            {
                string json;
                Native.llava_model_info_json(Handle, out json);
                return Json.Parse(json);
            }
        }

        /// <summary>What it can take.</summary>
        public ModelLimits Limits
        {
            get
            {
                using (var read = new llava_limits())
                {
                    Native.llava_model_limits(Handle, read);
                    return new ModelLimits(read);
                }
            }
        }

        /// <summary>What it takes up.</summary>
        public ModelMemory Memory
        {
            get
            {
                using (var read = new llava_model_usage())
                {
                    Native.llava_model_memory(Handle, read);
                    return new ModelMemory(read);
                }
            }
        }

        /// <summary>
        /// Loads a checkpoint's folder, as it was published. `progress` hears how far it is, on this thread; what it throws
        /// ends the call and leaves it.
        /// </summary>
        public static Model Load(string path, LoadOptions options = null, IProgress<LoadProgress> progress = null,
                                 CancellationToken cancel = default(CancellationToken))
        {
            if (path == null) throw new ArgumentNullException("path");
            var heard = Callback.Of(progress);
            ModelHandle made = null;
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_load_options>(options))
            {
                given.cancel = scope.Handle;
                Callback.Set(given, heard);
                Callback.During(heard, () => Native.llava_load(path, given, out made));
            }
            return new Model(made);
        }

        /// <summary>Load() on a thread of the pool, where `progress` is heard too.</summary>
        public static Task<Model> LoadAsync(string path, LoadOptions options = null,
                                            IProgress<LoadProgress> progress = null,
                                            CancellationToken cancel = default(CancellationToken))
        {
            return Task.Run(() => Load(path, options, progress, cancel), cancel);
        }

        /// <summary>Starts a dialogue.</summary>
        public Session CreateSession(SessionOptions options = null)
        {
            SessionHandle made;
            using (var given = Fields.Fill<llava_session_options>(options))
                Native.llava_session_create(Handle, given, out made);
            return new Session(made);
        }

        /// <summary>
        /// Starts with a dialogue from elsewhere: a JSON list of messages in the shape of Message.ToJson(); a system message
        /// may come first.
        /// </summary>
        public Session CreateSession(Json history, SessionOptions options = null)
        {
            if (history == null) throw new ArgumentNullException("history");
            SessionHandle made;
            using (var given = Fields.Fill<llava_session_options>(options))
                Native.llava_session_from_json(Handle, history.ToString(), given, out made);
            return new Session(made);
        }

        /// <summary>Opens what Session.Save() wrote.</summary>
        public Session LoadSession(string path)
        {
            if (path == null) throw new ArgumentNullException("path");
            SessionHandle made;
            Native.llava_session_load(Handle, path, out made);
            return new Session(made);
        }

        /// <summary>One question about a picture, or without one, without a session to keep.</summary>
        public Response Ask(string text, Image image = null, ChatOptions options = null,
                            CancellationToken cancel = default(CancellationToken))
        {
            using (var session = CreateSession()) return session.Chat(text, image, options, cancel);
        }

        /// <summary>One question with any parts.</summary>
        public Response Ask(Message message, ChatOptions options = null,
                            CancellationToken cancel = default(CancellationToken))
        {
            using (var session = CreateSession()) return session.Chat(message, options, cancel);
        }

        /// <summary>Ask() on a thread of the pool.</summary>
        public Task<Response> AskAsync(string text, Image image = null, ChatOptions options = null,
                                       CancellationToken cancel = default(CancellationToken))
        {
            return Task.Run(() => Ask(text, image, options, cancel), cancel);
        }

        /// <summary>Encodes a picture.</summary>
        public Embedding Encode(Image image, EncodeOptions options = null,
                                CancellationToken cancel = default(CancellationToken))
        {
            if (image == null) throw new ArgumentNullException("image");
            EmbeddingHandle made;
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_encode_options>(options))
            {
                given.cancel = scope.Handle;
                Native.llava_encode_image(Handle, image.Handle, given, out made);
            }
            return new Embedding(made);
        }

        /// <summary>Encodes several pictures, all or none, eight in one pass.</summary>
        public unsafe IList<Embedding> Encode(IEnumerable<Image> images, EncodeOptions options = null,
                                              CancellationToken cancel = default(CancellationToken))
        {
            var made = new List<Embedding>();
            using (var pictures = new HandleList(images, "images"))
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_encode_options>(options))
            {
                var encoded = new IntPtr[pictures.Count];
                given.cancel = scope.Handle;
                fixed (IntPtr* first = pictures.Addresses)
                fixed (IntPtr* out_ = encoded)
                    Native.llava_csharp_encode_images(Handle, (IntPtr)first, pictures.Count, given, (IntPtr)out_);
                foreach (var each in encoded) made.Add(new Embedding(new EmbeddingHandle(each)));
            }
            return made;
        }

        /// <summary>Makes an embedding of rows computed elsewhere: [tokens, width of the language model].</summary>
        public Embedding CreateEmbedding(Tensor rows)
        {
            if (rows == null) throw new ArgumentNullException("rows");
            EmbeddingHandle made;
            Native.llava_embedding_from_tensor(Handle, rows.Handle, out made);
            return new Embedding(made);
        }

        /// <summary>Reads what Embedding.Save() wrote.</summary>
        public Embedding LoadEmbedding(string path)
        {
            if (path == null) throw new ArgumentNullException("path");
            EmbeddingHandle made;
            Native.llava_embedding_load(Handle, path, out made);
            return new Embedding(made);
        }

        /// <summary>Positions of the context a picture takes.</summary>
        public long ImageTokens(Image image)
        {
            if (image == null) throw new ArgumentNullException("image");
            long tokens;
            Native.llava_image_tokens(Handle, image.Handle, out tokens);
            return tokens;
        }

        /// <summary>The exact numbers the vision tower sees, [3, S, S]; [T, 3, S, S] of a model that cuts pictures.</summary>
        public Tensor Preprocess(Image image, CancellationToken cancel = default(CancellationToken))
        {
            if (image == null) throw new ArgumentNullException("image");
            TensorHandle made;
            using (var scope = new CancelScope(cancel))
                Native.llava_image_preprocess(Handle, image.Handle, scope.Handle, out made);
            return new Tensor(made);
        }

        /// <summary>
        /// Runs the language model over raw ids; ImageToken marks the places of the embeddings. Logits of all positions, or
        /// hidden states.
        /// </summary>
        public unsafe Tensor Forward(IEnumerable<int> ids, IEnumerable<Embedding> embeddings = null,
                                     ForwardOptions options = null, CancellationToken cancel = default(CancellationToken))
        {
            var read = Arrays.Of(ids, "ids");
            TensorHandle made;
            using (var rows = new HandleList(embeddings ?? new Embedding[0], "embeddings"))
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_forward_options>(options))
            fixed (int* start = read)
            fixed (IntPtr* first = rows.Addresses)
            {
                given.cancel = scope.Handle;
                Native.llava_forward(Handle, (IntPtr)start, read.Length, (IntPtr)first, rows.Count, given, out made);
            }
            return new Tensor(made);
        }

        /// <summary>What it is.</summary>
        public override string ToString()
        {
            if (IsDisposed) return "Model (disposed)";
            var info = Info;
            return "Model " + info["path"].Text + ", " + info["family"].Text + ", template " +
                info["template"]["name"].Text + ", context " + Limits.Context;
        }
    }
}
