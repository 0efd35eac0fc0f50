// Dialogues.
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Llava.Internal;

namespace Llava
{
    /// <summary>
    /// A dialogue with memory: Model.CreateSession(). One operation at a time; a second thread gets LlavaException with Code
    /// Busy. A call that fails or is cancelled leaves it as it was. Several sessions may use one model at the same time.
    /// </summary>
    public sealed partial class Session : LlavaObject
    {
        internal Session(SessionHandle handle) : base(handle)
        {
        }

        private SessionHandle Handle
        {
            get { return (SessionHandle)Open(); }
        }

        /// <summary>Messages in the history: questions and answers each count one. -1 while an operation runs.</summary>
        public int TurnCount
        {
            get { return Native.llava_session_turn_count(Handle); }
        }

        /// <summary>The dialogue so far; each to be disposed. Pictures are known by their rows and hash alone.</summary>
        public IList<Message> Turns
        {
            get
            {
                var turns = new List<Message>();
                for (int index = 0, count = TurnCount; index < count; ++index) turns.Add(Turn(index));
                return turns;
            }
        }

        /// <summary>What the session has done and holds; may be asked while an operation runs.</summary>
        public SessionStats Stats
        {
            get
            {
                using (var read = new llava_session_usage())
                {
                    Native.llava_session_stats(Handle, read);
                    return new SessionStats(read);
                }
            }
        }

        /// <summary>Asks and waits for the whole answer.</summary>
        public Response Chat(Message message, ChatOptions options = null,
                             CancellationToken cancel = default(CancellationToken))
        {
            if (message == null) throw new ArgumentNullException("message");
            return Chat(message.Handle, options, cancel);
        }

        /// <summary>Asks about a picture, or without one.</summary>
        public Response Chat(string text, Image image = null, ChatOptions options = null,
                             CancellationToken cancel = default(CancellationToken))
        {
            using (var message = Question(text, image)) return Chat(message.Handle, options, cancel);
        }

        /// <summary>Answers what Append() or AppendIds() added last.</summary>
        public Response Answer(ChatOptions options = null, CancellationToken cancel = default(CancellationToken))
        {
            return Chat(MessageHandle.None, options, cancel);
        }

        /// <summary>Begins an answer that is pulled event by event.</summary>
        public Stream Stream(Message message, ChatOptions options = null,
                             CancellationToken cancel = default(CancellationToken))
        {
            if (message == null) throw new ArgumentNullException("message");
            return Stream(message.Handle, options, cancel);
        }

        /// <summary>Begins an answer about a picture, or without one.</summary>
        public Stream Stream(string text, Image image = null, ChatOptions options = null,
                             CancellationToken cancel = default(CancellationToken))
        {
            using (var message = Question(text, image)) return Stream(message.Handle, options, cancel);
        }

        /// <summary>Answers what Append() or AppendIds() added last, event by event.</summary>
        public Stream StreamAnswer(ChatOptions options = null, CancellationToken cancel = default(CancellationToken))
        {
            return Stream(MessageHandle.None, options, cancel);
        }

        /// <summary>Chat() on a thread of the pool.</summary>
        public Task<Response> ChatAsync(Message message, ChatOptions options = null,
                                        CancellationToken cancel = default(CancellationToken))
        {
            return Task.Run(() => Chat(message, options, cancel), cancel);
        }

        /// <summary>Chat() on a thread of the pool.</summary>
        public Task<Response> ChatAsync(string text, Image image = null, ChatOptions options = null,
                                        CancellationToken cancel = default(CancellationToken))
        {
            return Task.Run(() => Chat(text, image, options, cancel), cancel);
        }

        /// <summary>
        /// Asks on a thread of the pool and hears each event, there, as it comes. What `heard` throws ends the answer, leaves
        /// the session as it was, and is what the task fails with.
        /// </summary>
        public Task<Response> ChatAsync(Message message, Action<Event> heard, ChatOptions options = null,
                                        CancellationToken cancel = default(CancellationToken))
        {
            if (heard == null) throw new ArgumentNullException("heard");
            return Task.Run(() =>
            {
                using (var stream = Stream(message, options, cancel))
                {
                    foreach (var each in stream) heard(each);
                    return stream.Finish();
                }
            }, cancel);
        }

        /// <summary>Adds a message and computes it, without an answer.</summary>
        public void Append(Message message, CancellationToken cancel = default(CancellationToken))
        {
            if (message == null) throw new ArgumentNullException("message");
            using (new Running(Handle))
            using (var scope = new CancelScope(cancel))
                Native.llava_session_append(Handle, message.Handle, scope.Handle);
        }

        /// <summary>Adds raw token ids as one turn; Model.ImageToken marks the places of the embeddings.</summary>
        public unsafe void AppendIds(IEnumerable<int> ids, IEnumerable<Embedding> embeddings = null,
                                     CancellationToken cancel = default(CancellationToken))
        {
            var given = Arrays.Of(ids, "ids");
            using (new Running(Handle))
            using (var rows = new HandleList(embeddings ?? new Embedding[0], "embeddings"))
            using (var scope = new CancelScope(cancel))
            fixed (int* start = given)
            fixed (IntPtr* first = rows.Addresses)
                Native.llava_session_append_ids(Handle, (IntPtr)start, given.Length, (IntPtr)first, rows.Count, scope.Handle);
        }

        /// <summary>A second session with the same past.</summary>
        public Session Fork()
        {
            SessionHandle made;
            Native.llava_session_fork(Handle, out made);
            return new Session(made);
        }

        /// <summary>Keeps the first turns: to ask again, go back to before the question.</summary>
        public void Rewind(int turns)
        {
            Native.llava_session_rewind(Handle, turns);
        }

        /// <summary>Forgets the dialogue.</summary>
        public void Reset()
        {
            Native.llava_session_reset(Handle);
        }

        /// <summary>A turn of the dialogue, to be disposed.</summary>
        public Message Turn(int index)
        {
            MessageHandle made;
            Native.llava_session_turn(Handle, index, out made);
            return new Message(made);
        }

        /// <summary>How full the session is; encodes pictures that came with a history.</summary>
        public void Tokens(out long used, out long limit)
        {
            Native.llava_session_tokens(Handle, out used, out limit);
        }

        /// <summary>The dialogue as JSON, pictures named by their hash; Save() keeps those too.</summary>
        public Json History()
        {
            string json;
            Native.llava_session_history_json(Handle, out json);
            return Json.Parse(json);
        }

        /// <summary>Writes the dialogue with its pictures to a file, for Model.LoadSession().</summary>
        public void Save(string path)
        {
            if (path == null) throw new ArgumentNullException("path");
            Native.llava_session_save(Handle, path);
        }

        /// <summary>How full it is.</summary>
        public override string ToString()
        {
            if (IsDisposed) return "Session (disposed)";
            var stats = Stats;
            return "Session " + stats.Turns + " turns, " + stats.Tokens + " of " + stats.Limit + " positions";
        }

        private static Message Question(string text, Image image)
        {
            if (text == null) throw new ArgumentNullException("text");
            return image == null ? Message.User(text) : Message.User(image, text);
        }

        private Response Chat(MessageHandle message, ChatOptions options, CancellationToken cancel)
        {
            ResponseHandle made;
            using (new Running(Handle))
            using (var scope = new CancelScope(cancel))
            using (var given = Fields.Fill<llava_chat_options>(options))
            {
                given.cancel = scope.Handle;
                Native.llava_chat(Handle, message, given, out made);
            }
            return new Response(made);
        }

        private Stream Stream(MessageHandle message, ChatOptions options, CancellationToken cancel)
        {
            StreamHandle made;
            using (var given = Fields.Fill<llava_chat_options>(options))
                Native.llava_chat_start(Handle, message, given, out made);
            return new Stream(made, cancel);
        }
    }
}
