// Models: from words to token ids and back, from a dialogue to the prompt.
using System;
using System.Collections.Generic;
using Llava.Internal;

namespace Llava
{
    public sealed partial class Model
    {
        /// <summary>Names of all conversation templates.</summary>
        public static IList<string> TemplateNames
        {
            get
            {
                LlavaNative.Load();
                var names = new List<string>();
                for (int index = 0, count = Native.llava_template_count(); index < count; ++index)
                    names.Add(Native.llava_template_name(index));
                return names;
            }
        }

        /// <summary>Token ids of a text; names of special tokens in it are text. bos: the begin mark first.</summary>
        public int[] Tokenize(string text, bool bos = false)
        {
            if (text == null) throw new ArgumentNullException("text");
            return Arrays.Ids((memory, room) =>
            {
                long count;
                Native.llava_tokenize_n(Handle, text, Utf8.Size(text), bos ? 1 : 0, memory, room, out count);
                return count;
            });
        }

        /// <summary>Text of token ids. special: write special tokens as text instead of leaving them out.</summary>
        public unsafe string Detokenize(IEnumerable<int> ids, bool special = false)
        {
            var given = Arrays.Of(ids, "ids");
            string text;
            fixed (int* start = given)
                Native.llava_detokenize(Handle, (IntPtr)start, given.Length, special ? 1 : 0, out text);
            return text;
        }

        /// <summary>The piece of the vocabulary behind an id.</summary>
        public string TokenText(int id)
        {
            string text;
            Native.llava_token_text(Handle, id, out text);
            return text;
        }

        /// <summary>The id of a special token; null where the model has none.</summary>
        public int? SpecialToken(SpecialToken kind)
        {
            int id;
            try
            {
                Native.llava_special_token(Handle, (int)kind, out id);
            }
            catch (LlavaException failure)
            {
                if (failure.Code == Status.NotFound) return null;
                throw;
            }
            return id;
        }

        /// <summary>Positions a dialogue takes, pictures included, without looking at a pixel.</summary>
        public unsafe long CountTokens(params Message[] messages)
        {
            long tokens;
            using (var list = new HandleList(messages, "messages"))
            fixed (IntPtr* first = list.Addresses)
                Native.llava_count_tokens(Handle, (IntPtr)first, list.Count, out tokens);
            return tokens;
        }

        /// <summary>A dialogue as the text the model reads, for people.</summary>
        public unsafe string ApplyTemplate(IEnumerable<Message> messages, TemplateOptions options = null)
        {
            string text;
            using (var list = new HandleList(messages, "messages"))
            using (var given = Fields.Fill<llava_template_options>(options))
            fixed (IntPtr* first = list.Addresses)
                Native.llava_apply_template(Handle, (IntPtr)first, list.Count, given, out text);
            return text;
        }

        /// <summary>A dialogue as the ids the model reads, ImageToken at the places of pictures.</summary>
        public int[] PromptIds(IEnumerable<Message> messages, TemplateOptions options = null)
        {
            using (var list = new HandleList(messages, "messages"))
            using (var given = Fields.Fill<llava_template_options>(options))
                return Arrays.Ids((memory, room) => PromptIds(list, given, memory, room));
        }

        private unsafe long PromptIds(HandleList list, llava_template_options given, IntPtr memory, long room)
        {
            long count;
            fixed (IntPtr* first = list.Addresses)
                Native.llava_prompt_ids(Handle, (IntPtr)first, list.Count, given, memory, room, out count);
            return count;
        }
    }

    /// <summary>Tokens to text one by one, never half a character. One thread at a time.</summary>
    public sealed class Decoder : LlavaObject
    {
        /// <summary>special: write special tokens as text instead of leaving them out.</summary>
        public Decoder(Model model, bool special = false) : base(Create(model, special))
        {
        }

        private DecoderHandle Handle
        {
            get { return (DecoderHandle)Open(); }
        }

        /// <summary>Adds a token; the text that is certain now.</summary>
        public string Push(int id)
        {
            using (new Held(Handle))
            {
                IntPtr text;
                long size;
                Native.llava_decoder_push(Handle, id, out text, out size);
                return Utf8.Read(text, size);
            }
        }

        /// <summary>Ends the text: the rest.</summary>
        public string Flush()
        {
            using (new Held(Handle))
            {
                IntPtr text;
                long size;
                Native.llava_decoder_flush(Handle, out text, out size);
                return Utf8.Read(text, size);
            }
        }

        private static DecoderHandle Create(Model model, bool special)
        {
            if (model == null) throw new ArgumentNullException("model");
            DecoderHandle made;
            Native.llava_decoder_create(model.Handle, special ? 1 : 0, out made);
            return made;
        }
    }
}
