// Encoded pictures.
using System;
using Llava.Internal;

namespace Llava
{
    /// <summary>
    /// A picture as the language model reads it: Model.Encode(), Model.CreateEmbedding(), Model.LoadEmbedding(). It never changes.
    /// </summary>
    public sealed class Embedding : LlavaObject
    {
        internal Embedding(EmbeddingHandle handle) : base(handle)
        {
            using (var read = new llava_embedding_desc())
            {
                Native.llava_embedding_info(handle, read);
                Tokens = read.tokens;
                Width = read.width;
                IsProjected = read.output == 0;
                ImageSha256 = read.image_sha256;
                ModelFingerprint = read.model_fingerprint;
            }
        }

        internal EmbeddingHandle Handle
        {
            get { return (EmbeddingHandle)Open(); }
        }

        /// <summary>Rows.</summary>
        public int Tokens { get; private set; }

        /// <summary>Columns.</summary>
        public int Width { get; private set; }

        /// <summary>Whether the language model can read it; false: features before the projector.</summary>
        public bool IsProjected { get; private set; }

        /// <summary>Hash of the picture it came from; "" for one made of numbers.</summary>
        public string ImageSha256 { get; private set; }

        /// <summary>The model it belongs to.</summary>
        public string ModelFingerprint { get; private set; }

        /// <summary>The numbers, [Tokens, Width].</summary>
        public Tensor Tensor()
        {
            TensorHandle made;
            Native.llava_embedding_tensor(Handle, out made);
            return new Tensor(made);
        }

        /// <summary>A copy of the numbers, row after row.</summary>
        public float[] ToArray()
        {
            using (var tensor = Tensor()) return tensor.ToArray();
        }

        /// <summary>Writes a safetensors file that Model.LoadEmbedding() reads.</summary>
        public void Save(string path)
        {
            if (path == null) throw new ArgumentNullException("path");
            Native.llava_embedding_save(Handle, path);
        }

        /// <summary>Its size.</summary>
        public override string ToString()
        {
            return "Embedding [" + Tokens + ", " + Width + "]" + (IsProjected ? "" : " before the projector");
        }
    }
}
