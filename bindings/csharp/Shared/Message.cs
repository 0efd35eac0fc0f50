// Turns of a dialogue: texts and pictures in any order.
using System;
using System.Collections.Generic;
using Llava.Internal;

namespace Llava
{
    /// <summary>A text or a picture of a message; made by itself where a string, an Image or an Embedding is given.</summary>
    public struct Part
    {
        private readonly object content;

        private Part(object content)
        {
            this.content = content;
        }

        /// <summary>A text.</summary>
        public static implicit operator Part(string text) { return new Part(text); }

        /// <summary>A picture.</summary>
        public static implicit operator Part(Image image) { return new Part(image); }

        /// <summary>A picture that is encoded already.</summary>
        public static implicit operator Part(Embedding embedding) { return new Part(embedding); }

        internal object Content { get { return content; } }
    }

    /// <summary>
    /// A turn of a dialogue. Text is text: "&lt;image&gt;" typed by a user is not a picture. What takes a message copies its
    /// parts, so it may be changed or disposed afterwards.
    /// </summary>
    public sealed class Message : LlavaObject
    {
        /// <summary>A message of these parts.</summary>
        public Message(Role role, params Part[] parts) : base(Create(role))
        {
            try
            {
                foreach (var part in parts) Add(part);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        internal Message(MessageHandle handle) : base(handle)
        {
        }

        internal MessageHandle Handle
        {
            get { return (MessageHandle)Open(); }
        }

        /// <summary>A question: Message.User(image, "What is this?").</summary>
        public static Message User(params Part[] parts)
        {
            return new Message(Role.User, parts);
        }

        /// <summary>An answer, to put an earlier dialogue back.</summary>
        public static Message Assistant(string text)
        {
            return new Message(Role.Assistant, text);
        }

        /// <summary>An instruction before the dialogue.</summary>
        public static Message System(string text)
        {
            return new Message(Role.System, text);
        }

        /// <summary>Reads the shape of OpenAI's chat interface; pictures are data URIs.</summary>
        public static Message FromJson(string json)
        {
            if (json == null) throw new ArgumentNullException("json");
            LlavaNative.Load();
            MessageHandle made;
            Native.llava_message_from_json(json, out made);
            return new Message(made);
        }

        /// <summary>Who speaks.</summary>
        public Role Role
        {
            get { return (Role)Native.llava_message_role(Handle); }
        }

        /// <summary>How many parts.</summary>
        public int Count
        {
            get { return Native.llava_message_part_count(Handle); }
        }

        /// <summary>All texts, joined.</summary>
        public string Text
        {
            get
            {
                var texts = new List<string>();
                for (var part = 0; part < Count; ++part)
                {
                    using (new Held(Handle))
                    {
                        long size;
                        var text = Native.llava_message_text(Handle, part, out size);
                        texts.Add(Utf8.Read(text, size));
                    }
                }
                return string.Concat(texts);
            }
        }

        /// <summary>The pictures that were not encoded before; each to be disposed.</summary>
        public IList<Image> Images
        {
            get
            {
                var images = new List<Image>();
                for (var part = 0; part < Count; ++part)
                {
                    ImageHandle image;
                    Native.llava_message_image(Handle, part, out image);
                    if (!image.IsInvalid) images.Add(new Image(image));
                }
                return images;
            }
        }

        /// <summary>Adds a text or a picture at the end; gives the message itself.</summary>
        public Message Add(Part part)
        {
            var text = part.Content as string;
            var image = part.Content as Image;
            var embedding = part.Content as Embedding;
            if (text != null) Native.llava_message_add_text_n(Handle, text, Utf8.Size(text));
            else if (image != null) Native.llava_message_add_image(Handle, image.Handle);
            else if (embedding != null) Native.llava_message_add_embedding(Handle, embedding.Handle);
            else throw new ArgumentNullException("part");
            return this;
        }

        /// <summary>Removes all parts; the role stays.</summary>
        public void Clear()
        {
            Native.llava_message_clear(Handle);
        }

        /// <summary>The shape of OpenAI's chat interface.</summary>
        public string ToJson()
        {
            string json;
            Native.llava_message_to_json(Handle, out json);
            return json;
        }

        /// <summary>Who says what.</summary>
        public override string ToString()
        {
            return IsDisposed ? "Message (disposed)" : Role + ": " + Text;
        }

        private static MessageHandle Create(Role role)
        {
            LlavaNative.Load();
            MessageHandle made;
            Native.llava_message_create((int)role, out made);
            return made;
        }
    }
}
